/** A dense embedding. Unit length unless it is all zeros, which stands for "this text says nothing to this encoder". */
export type Vector = Float32Array

/** Dot product; for unit vectors the cosine similarity in [-1, 1]. Both must have the same length. */
export function dot(a: Vector, b: Vector): number {
  // Four independent sums let the processor overlap the multiplications: about 3 × one running sum.
  const n = a.length
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < n; i += 4) {
    s0 += a[i]! * b[i]!
    s1 += a[i + 1]! * b[i + 1]!
    s2 += a[i + 2]! * b[i + 2]!
    s3 += a[i + 3]! * b[i + 3]!
  }
  for (; i < n; i++) s0 += a[i]! * b[i]!
  return s0 + s1 + (s2 + s3)
}

/** Scales a vector to unit length in place and returns it. A vector of zeros stays zeros, so the result is never NaN. */
export function normalize(vector: Vector): Vector {
  const length = Math.sqrt(dot(vector, vector))
  if (length > 0 && Number.isFinite(length)) {
    for (let i = 0; i < vector.length; i++) vector[i]! /= length
  }
  return vector
}

/** True when nothing in the text was known to the encoder: such a vector has cosine 0 with everything. */
export function isZero(vector: Vector): boolean {
  return vector.every((value) => value === 0)
}

/** True when every element is a finite number. Native indexes may corrupt or abort on anything else. */
export function isFinite(vector: Vector): boolean {
  // Squares of floats stay far from where doubles end, so only what is not finite makes their sum so: ten times as fast as to ask each.
  return Number.isFinite(dot(vector, vector))
}
