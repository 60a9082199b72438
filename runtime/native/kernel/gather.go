package kernel

// Gather copies rows of src [n, width] to dst [len(index), width] exactly, row index[i] to row i. Rows further on are asked for while one is copied: those of a
// large set are not in the caches, and in no order that the processor could foresee.
func Gather(dst, src []float32, width int, index []int) {
	const line, ahead, most = 16, 512, 32 // numbers of a cache line; numbers and lines that are on the way
	lines, rows := min((width+line-1)/line, most), max(ahead/max(width, 1), 1)
	for i, r := range index {
		if next := i + rows; next < len(index) && width > 0 {
			fetch(&src[index[next]*width], lines)
		}
		copy(dst[i*width:(i+1)*width], src[r*width:(r+1)*width])
	}
}
