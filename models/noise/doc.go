// Package noise is the toolkit's only source of randomness: the counter-based generator Threefry-2x32 with 20 rounds [SA11].
//
// A Stream is a key made of a seed and a stream number. Any number of it can be had directly from its position, without state, so a result does
// not depend on batch size, threads or the machine, and a job can be resumed or cut into shards:
//
//	z := make([]float32, 2*3)
//	noise.New(7, noise.Sampling).Rows(z, 100, 3) // rows 100 and 101 of seed 7's sampling noise in 3 dimensions
//
// Stream 0 is keyed by the low and high 32 bits of the seed; stream s ≠ 0 by Threefry(that key, counter (s, 2³²−1)). Sampling noise of row n, pair j
// uses counter (n, j), and rows from 2³² on the key Threefry(key, (n ≫ 32, 2³²−2)) with counter (n mod 2³², j). Other streams address
// a 64-bit position as counter (low, high).
//
// Two words w0, w1 make two normals by Box–Muller: u = ((w0 ≫ 8) + 1)·2⁻²⁴, θ = fl32(2π)·((w1 ≫ 8)·2⁻²⁴), z = √(−2 ln u)·(cos θ, sin θ), rounded to
// float32 at each step as written. |z| ≤ 5.77. Words are the same on every machine and in every language; normals agree to 4e-7 + 4 ulp,
// and depend on stream and position alone, never on how a buffer is cut. On amd64 with AVX2 and FMA assembly makes sixteen counters at a time
// (runtime/native/kernel/gen writes it); the build tag purego forces plain Go.
package noise
