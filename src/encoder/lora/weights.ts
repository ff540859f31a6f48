/** A low-rank change of some linear layers: y += scaling · B·(A·x), Hu et al. 2021, eq. 3. */
export interface LoraWeights {
  /** What every branch is multiplied by: α/r, or α/√r for rank-stabilised LoRA. */
  readonly scaling: number
  readonly modules: readonly LoraModule[]
}

/** The change of one layer. */
export interface LoraModule {
  /** Path of the layer in the PyTorch model, e.g. `encoder.layer.0.attention.self.query`. */
  readonly module: string
  readonly rank: number
  readonly inputs: number
  readonly outputs: number
  /** rank × inputs, row-major. */
  readonly a: Float32Array
  /** outputs × rank, row-major. */
  readonly b: Float32Array
  /** What this branch is multiplied by, where it is another factor than the others'. `matchModules` gives all the same. */
  readonly scaling?: number
}
