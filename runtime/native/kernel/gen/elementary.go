package main

import "math"

// The coefficients below are minimax fits of relative error: logarithm 6e-9 on [√½ − 1, √2 − 1], sine 4e-9 and cosine 2e-10 on |r| ≤ π/4.
var (
	logTail = []float64{0.3333333171, -0.2500082103, 0.2000122688, -0.1662335736, 0.1420175792, -0.1316018216, 0.1276157754, -0.07634497757}
	sinTail = []float64{-0.1666665446, 0.008332151331, -0.0001951397995}
	cosTail = []float64{0.04166664543, -0.001388730346, 2.443166815e-05}
)

// logarithm replaces Y9, normal and positive, by scale times its logarithm, scale being ±1 or ±2, using Y4 to Y8. With x = 2ᵉ·(1 + f),
// 1 + f in [√½, √2), it is e·ln 2 + f − f²/2 + f³·P(f), the smaller terms first; P is summed in its even and odd powers at once.
func logarithm(scale float64) {
	p("\tVPSUBD %s, Y9, Y4\n\tVPAND %s, Y4, Y5\n\tVPSUBD Y5, Y9, Y9", constant(bits(math.Sqrt2/2)), constant(0xff800000))
	p("\tVPSRAD $23, Y4, Y4\n\tVCVTDQ2PS Y4, Y4\n\tVSUBPS %s, Y9, Y9\n\tVMULPS Y9, Y9, Y5", constant(bits(1)))
	n := len(logTail)
	p("\tVMOVUPS %s, Y6\n\tVMOVUPS %s, Y7", constant(bits(scale*logTail[n-2])), constant(bits(scale*logTail[n-1])))
	for i := n - 4; i >= 0; i -= 2 {
		p("\tVFMADD213PS %s, Y5, Y6\n\tVFMADD213PS %s, Y5, Y7", constant(bits(scale*logTail[i])), constant(bits(scale*logTail[i+1])))
	}
	p("\tVFMADD231PS Y7, Y9, Y6\n\tVMULPS Y5, Y9, Y8\n\tVMULPS Y8, Y6, Y6")
	p("\tVFMADD231PS %s, Y4, Y6\n\tVFMADD231PS %s, Y5, Y6", constant(bits(scale*-2.12194440e-4)), constant(bits(-scale/2)))
	p("\tVFMADD132PS %s, Y6, Y9\n\tVFMADD231PS %s, Y4, Y9", constant(bits(scale)), constant(bits(scale*0.693359375)))
}

// shift, added to a number below 2²² in size, leaves it rounded to an integer in the lowest bits.
const shift = 3 << 22

// quarters rounds Y9 in units of π/2: to Y6 as a number, and with shift added to Y4.
func quarters() {
	p("\tVMOVUPS %s, Y4\n\tVFMADD231PS %s, Y9, Y4\n\tVSUBPS %s, Y4, Y6", constant(bits(shift)), constant(bits(2/math.Pi)), constant(bits(shift)))
}

// halfPi is π/2 in parts of float32.
var halfPi = func() (parts []float64) {
	// The third part takes in what float64 does not hold of π/2.
	rest := math.Pi / 2
	for range 2 {
		parts = append(parts, float64(float32(rest)))
		rest -= parts[len(parts)-1]
	}
	return append(parts, rest+6.123233995736766e-17)
}()

// reduce takes Y6 quarters off Y9, with so many parts of π/2. The first difference is exact.
func reduce(parts int) {
	for _, part := range halfPi[:parts] {
		p("\tVFNMADD231PS %s, Y6, Y9", constant(bits(part)))
	}
}

// sinCos leaves in Y7 the sine and in Y8 the cosine of Y9, |Y9| ≤ π/4, plus as many quarters as the lowest two bits of Y4 say, using Y4 to Y6;
// one of them where only one is asked for.
func sinCos(sine, cosine bool) {
	p("\tVMULPS Y9, Y9, Y5")
	p("\tVMOVUPS %s, Y7\n\tVMOVUPS %s, Y8", constant(bits(sinTail[2])), constant(bits(cosTail[2])))
	for i := 1; i >= 0; i-- {
		p("\tVFMADD213PS %s, Y5, Y7\n\tVFMADD213PS %s, Y5, Y8", constant(bits(sinTail[i])), constant(bits(cosTail[i])))
	}
	p("\tVMULPS Y9, Y5, Y6\n\tVFMADD213PS Y9, Y6, Y7")
	p("\tVFMADD213PS %s, Y5, Y8\n\tVFMADD213PS %s, Y5, Y8", constant(bits(-0.5)), constant(bits(1)))
	p("\tVPSLLD $31, Y4, Y5\n\tVPSLLD $30, Y4, Y4\n\tVPAND %s, Y4, Y4", constant(signBit))
	swap := "Y5" // the sign of an odd number of quarters
	if now.wide() {
		swap = "K5"
		p("\tVPMOVD2M Y5, K5")
	}
	if sine {
		choose(swap, "Y8", "Y7", "Y6")
	}
	if cosine {
		choose(swap, "Y7", "Y8", "Y8")
		p("\tVXORPS Y4, Y8, Y8\n\tVXORPS Y5, Y8, Y8")
	}
	if sine {
		p("\tVXORPS Y4, Y6, Y7")
	}
}
