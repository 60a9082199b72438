// Package tensor holds dense row-major arrays: an element type, a shape and the numbers.
//
//	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3) // [2 3]
//	x.Float32()[4]                                    // row 1, column 1
//	y := tensor.New(tensor.Int64, 4)                  // four zeros
//
// A Tensor is a small value that shares its numbers with whoever made it; Clone makes an independent one. The package does no arithmetic:
// that is the engines' work. A rank-0 tensor holds one element; a dimension of length 0 makes an empty tensor.
package tensor
