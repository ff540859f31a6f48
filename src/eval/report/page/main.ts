import * as Plot from '@observablehq/plot'
document.body.append(Plot.plot({marks:[Plot.barX([1,2]),Plot.cell([1]),Plot.lineY([1,2]),Plot.dot([1])]}))
