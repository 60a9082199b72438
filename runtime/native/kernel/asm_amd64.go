//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run ./gen

// HasFMA reports that the assembly is in use: AVX2 and FMA on amd64, and no build tag purego.
var HasFMA = cpu.X86.HasAVX2 && cpu.X86.HasFMA

//go:noescape
func product1(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)

//go:noescape
func product2(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)

//go:noescape
func product3(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)

//go:noescape
func product4(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)

//go:noescape
func product5(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)

//go:noescape
func product6(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)
