//go:build amd64 && !purego

package kernel

//go:noescape
func vecAdd(dst, x, y *float32, n int)

//go:noescape
func vecSub(dst, x, y *float32, n int)

//go:noescape
func vecMul(dst, x, y *float32, n int)

//go:noescape
func vecDiv(dst, x, y *float32, n int)

//go:noescape
func maxVec(dst, x, y *float32, n int)

//go:noescape
func minVec(dst, x, y *float32, n int)

//go:noescape
func sqrtVec(dst, x *float32, n int)

//go:noescape
func expVec(dst, x *float32, n int)

//go:noescape
func sigmoidVec(dst, x *float32, n int)

//go:noescape
func tanhVec(dst, x *float32, n int)

//go:noescape
func negVec(dst, x *float32, n int)

//go:noescape
func absVec(dst, x *float32, n int)

//go:noescape
func reluVec(dst, x *float32, n int)

//go:noescape
func reciprocalVec(dst, x *float32, n int)

//go:noescape
func floorVec(dst, x *float32, n int)

//go:noescape
func ceilVec(dst, x *float32, n int)

//go:noescape
func logVec(dst, x *float32, n int)

//go:noescape
func erfVec(dst, x *float32, n int)

//go:noescape
func softplusVec(dst, x *float32, n int)

//go:noescape
func sinVec(dst, x *float32, n int) (done int)

//go:noescape
func cosVec(dst, x *float32, n int) (done int)

//go:noescape
func equalVec(dst, x, y *float32, n int)

//go:noescape
func lessVec(dst, x, y *float32, n int)

//go:noescape
func lessOrEqualVec(dst, x, y *float32, n int)

//go:noescape
func greaterVec(dst, x, y *float32, n int)

//go:noescape
func greaterOrEqualVec(dst, x, y *float32, n int)

//go:noescape
func signVec(dst, x *float32, n int)

//go:noescape
func leakyVec(dst, x *float32, n int, above, below float32)

//go:noescape
func eluVec(dst, x *float32, n int, above, below float32)

//go:noescape
func whereVec(dst, cond, x, y *float32, n int)
