import { memoryStore } from '../../src/store/memory.ts'
import { describeStore } from '../conformance/store.ts'

describeStore('memoryStore', (options) => memoryStore(options))
