import { embeddedStore } from '../../src/store/embedded.ts'
import { describeStore } from '../conformance/store.ts'

describeStore('embeddedStore in memory', (options) => embeddedStore(':memory:', options))
