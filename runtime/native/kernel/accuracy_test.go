package kernel_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"fmtool/runtime/native/kernel"
)

// kernels are all exported functions and methods of the package: words of the comment that say what may be expected of the result, the test that holds the
// kernel to them on random and hard numbers, and a call on buffers of about n numbers, which make gives. Functions that compute nothing have no call.
var kernels = map[string]struct {
	promise, test string
	call          func(b *buffers, n int)
}{
	"Gemm":            {"within (k+2)·2⁻²⁴ of Σ|a·b|", "TestGemmBound", callGemm},
	"Pack":            {"as Gemm gives them", "TestPackedIsGemm", callPacked},
	"PackedIn":        {"which Fill fills", "TestPackedIsGemm", callPacked},
	"Packed.Fill":     {"as Pack does", "TestPackedIsGemm", callPacked},
	"Packed.Gemm":     {"bit for bit as the function Gemm", "TestPackedIsGemm", callPacked},
	"Packed.GemmFrom": {"is Gemm added to", "TestPackedIsGemm", callPacked},
	"PackedSize":      {}, "Columns": {}, "Packed.Bytes": {}, "Peak": {}, "AddsOnce": {},

	"MulAdd":       {"rounded once", "TestMulAdd", fused(1, 3, func(out, in [][]float32) { kernel.MulAdd(out[0], in[0], in[1], in[2]) })},
	"SiLUBias":     {"within 4 ulp", "TestSiLU", fused(3, 2, siluBias)},
	"SiLUOnly":     {"within 4 ulp", "TestSiLU", fused(1, 1, func(out, in [][]float32) { kernel.SiLUOnly(out[0], in[0]) })},
	"SiLUBiasOnly": {"within 4 ulp", "TestSiLU", fused(1, 2, func(out, in [][]float32) { kernel.SiLUBiasOnly(out[0], in[0], in[1]) })},
	"SiLU":         {"within 4 ulp", "TestSiLU", fused(2, 1, func(out, in [][]float32) { kernel.SiLU(out[0], out[1], in[0]) })},
	"SiLUGrad":     {"within 3e-7 of", "TestSiLUGrad", fused(1, 3, siluGrad)},
	"Residual":     {"each operation correctly rounded", "TestResidual", fused(2, 3, residual)},
	"Mix":          {"b·z is correctly rounded, and so is the sum", "TestMix", callMix},
	"AdamW.Update": {"within 3e-7 of", "TestAdamW", fused(4, 5, adamwUpdate)},

	"Softmax":    {"within 3 ulp", "TestSoftmax", func(b *buffers, n int) { kernel.Softmax(b.make(3*n), b.make(3*n), n) }},
	"LayerNorm":  {"within 1.3e-7 of", "TestLayerNorm", callLayerNorm},
	"Sum":        {"accumulated in float64", "TestSums", func(b *buffers, n int) { kernel.Sum(b.make(n)) }},
	"SumSquares": {"accumulated in float64", "TestSums", func(b *buffers, n int) { kernel.SumSquares(b.make(n), 0.5) }},
	"RowSums":    {"bit for bit", "TestSums", func(b *buffers, n int) { kernel.RowSums(b.wide(3), b.make(3*n), n) }},
	"RowSquares": {"bit for bit", "TestSums", func(b *buffers, n int) { kernel.RowSquares(b.wide(3), b.make(3*n), n) }},
	"SumRows":    {"float64 partial sums", "TestSumRows", func(b *buffers, n int) { kernel.SumRows(b.wide(n), b.make(3*n)) }},
	"Largest":    {"is the largest element", "TestSums", func(b *buffers, n int) { kernel.Largest(b.make(n)) }},

	"Where": {"exact", "TestWhere", fused(1, 3, func(out, in [][]float32) { kernel.Where(out[0], in[0], in[1], in[2]) })},
	"Elu":   {"within 3 ulp", "TestUnary", fused(1, 1, func(out, in [][]float32) { kernel.Elu(out[0], in[0], 1, 2) })},
	"LeakyRelu": {"rounded once", "TestUnary", fused(1, 1, func(out, in [][]float32) {
		kernel.LeakyRelu(out[0], in[0], 0.25)
	})},
	"Fill":   {"exact", "TestFillAndMap", func(b *buffers, n int) { kernel.Fill(b.make(n), 3) }},
	"Repeat": {"exactly", "TestRepeat", func(b *buffers, n int) { kernel.Repeat(b.make(3*n), b.make(3), max(n, 1)) }},
	"Gather": {"exactly", "TestGather", func(b *buffers, n int) { kernel.Gather(b.make(2*n), b.make(3*n), n, []int{2, 0}) }},
	"Map":    {"computed in float64 and rounded", "TestFillAndMap", func(b *buffers, n int) { kernel.Map(b.make(n), b.make(n), math.Sqrt) }},
}

// The functions of one and of two operands have tables of their own.
func init() {
	for _, f := range unary {
		if _, ok := kernels[f.name]; ok || f.name == "Selu" {
			continue
		}
		k := kernels[f.name]
		k.promise, k.test, k.call = promised(f.within), "TestUnary", fused(1, 1, func(out, in [][]float32) { f.f(out[0], in[0]) })
		kernels[f.name] = k
	}
	for _, f := range binary {
		if _, ok := kernels[f.name]; ok {
			continue
		}
		k := kernels[f.name]
		k.promise, k.test, k.call = "exact", "TestBinary", fused(1, 2, func(out, in [][]float32) { f.f(out[0], in[0], in[1]) })
		if slices.Contains([]string{"Add", "Sub", "Mul", "Div"}, f.name) {
			k.promise = "correctly rounded"
		}
		kernels[f.name] = k
	}
}

// promised is how a comment says a bound in ulp.
func promised(ulp float64) string {
	switch ulp {
	case 0:
		return "exact"
	case 0.5:
		return "correctly rounded"
	}
	return fmt.Sprintf("within %g ulp", ulp)
}

// buffers gives operands and results between fences.
type buffers struct {
	t    *testing.T
	end  bool
	seed uint64
}

func (b *buffers) make(n int) []float32 {
	x := fenced[float32](b.t, n, b.end)
	b.seed++
	normal(x, b.seed, 3)
	return x
}

func (b *buffers) wide(n int) []float64 { return fenced[float64](b.t, n, b.end) }

func (b *buffers) list(count, n int) (x [][]float32) {
	for range count {
		x = append(x, b.make(n))
	}
	return x
}

func fused(out, in int, f func(out, in [][]float32)) func(b *buffers, n int) {
	return func(b *buffers, n int) { f(b.list(out, n), b.list(in, n)) }
}

func siluBias(out, in [][]float32) { kernel.SiLUBias(out[0], out[1], out[2], in[0], in[1]) }
func siluGrad(out, in [][]float32) { kernel.SiLUGrad(out[0], in[0], in[1], in[2]) }
func residual(out, in [][]float32) { kernel.Residual(out[0], out[1], in[0], in[1], in[2], 0.5) }

func callMix(b *buffers, n int) {
	kernel.Mix(b.make(3*n), b.make(3*n), b.make(3*n), b.make(3), b.make(3), n)
}

func adamwUpdate(out, in [][]float32) {
	step.Update(out[0], out[1], out[2], out[3], in[0], in[1], in[2], in[3], in[4])
}

func callLayerNorm(b *buffers, n int) {
	kernel.LayerNorm(b.make(3*n), b.make(3*n), b.make(n), b.make(n), 1e-5, b.wide(3), b.wide(3))
}

// callGemm multiplies in every form, the matrices no longer than they must be.
func callGemm(b *buffers, n int) {
	for flags := range 8 {
		for _, s := range [][3]int{{n, 5, 7}, {5, n, 3}, {7, 3, n}, {n, n, n}} {
			tA, tB := flags&1 != 0, flags&2 != 0
			m, n, k := s[0], s[1], s[2]
			lda, ldb := k, n
			if tA {
				lda = m
			}
			if tB {
				ldb = k
			}
			kernel.Gemm(tA, tB, m, n, k, b.make(m*k), max(lda, 1), b.make(k*n), max(ldb, 1), b.make(m*n), max(n, 1), flags&4 != 0)
		}
	}
}

func callPacked(b *buffers, n int) {
	const m, k = 9, 11
	for _, tB := range []bool{false, true} {
		ldb := max(n, 1)
		if tB {
			ldb = k
		}
		x, y := b.make(m*k), b.make(k*n)
		p := kernel.Pack(tB, n, k, y, ldb)
		if kernel.HasFMA {
			p = kernel.PackedIn(b.make(kernel.PackedSize(n, k)), n, k)
			p.Fill(tB, y, ldb, 0, n)
		}
		p.Gemm(false, m, x, k, b.make(m*n), max(n, 1), 0, n)
		p.GemmFrom(true, m, x, m, b.make(n), 0, b.make(m*n), max(n, 1), 0, n)
	}
}

// Every exported function stands in the table, promises in its comment what the table says, and has the test that the table names.
func TestEveryKernelIsHeldToItsComment(t *testing.T) {
	comments, tests := declared(t, false), declared(t, true)
	for name, texts := range comments {
		k, ok := kernels[name]
		if !ok {
			t.Errorf("%s is in no table of tests", name)
			continue
		}
		for _, text := range texts { // one for each build
			if !strings.Contains(strings.Join(strings.Fields(text), " "), k.promise) {
				t.Errorf("the comment of %s does not say %q: %s", name, k.promise, text)
			}
		}
		if k.call != nil && tests[k.test] == nil {
			t.Errorf("%s is to be held by %s, which does not exist", name, k.test)
		}
	}
	for name := range kernels {
		if comments[name] == nil {
			t.Errorf("the table has %s, the package has not", name)
		}
	}
}

// declared are the comments of the exported functions and methods in the package's files, or in its tests.
func declared(t *testing.T, tests bool) map[string][]string {
	t.Helper()
	of := func(i fs.FileInfo) bool { return strings.HasSuffix(i.Name(), "_test.go") == tests }
	packages, err := parser.ParseDir(token.NewFileSet(), ".", of, parser.ParseComments) //nolint:staticcheck // all builds at once, so no build tags
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, p := range packages {
		for _, file := range p.Files {
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || !f.Name.IsExported() || !tests && strings.HasPrefix(file.Name.Name, "main") {
					continue
				}
				name := f.Name.Name
				if f.Recv != nil {
					name = receiver(f.Recv.List[0].Type) + "." + name
				}
				found[name] = append(found[name], f.Doc.Text())
			}
		}
	}
	return found
}

func receiver(x ast.Expr) string {
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	return x.(*ast.Ident).Name
}

// No kernel reads or writes a number beside its buffers, whatever their length and whether they end or begin at the border.
func TestNothingOutsideIsTouched(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for name, k := range kernels {
		if k.call == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 63, 65, 70} {
				for _, end := range []bool{true, false} {
					func() {
						defer func() {
							if fault := recover(); fault != nil {
								t.Errorf("%d numbers, fence at their end %t: %v", n, end, fault)
							}
						}()
						k.call(&buffers{t: t, end: end}, n)
					}()
				}
			}
		})
	}
}

// NaN in one operand makes NaN of every result that depends on it, and changes no other number.
func TestNaNStaysInItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		in      int
		depends [][]int // for each result, operands
		f       func(out, in [][]float32)
	}{
		"MulAdd":       {3, [][]int{{0, 1, 2}}, func(out, in [][]float32) { kernel.MulAdd(out[0], in[0], in[1], in[2]) }},
		"SiLUBias":     {2, [][]int{{0, 1}, {0, 1}, {0, 1}}, siluBias},
		"SiLUOnly":     {1, [][]int{{0}}, func(out, in [][]float32) { kernel.SiLUOnly(out[0], in[0]) }},
		"SiLUBiasOnly": {2, [][]int{{0, 1}}, func(out, in [][]float32) { kernel.SiLUBiasOnly(out[0], in[0], in[1]) }},
		"SiLU":         {1, [][]int{{0}, {0}}, func(out, in [][]float32) { kernel.SiLU(out[0], out[1], in[0]) }},
		"SiLUGrad":     {3, [][]int{{0, 1, 2}}, siluGrad},
		"AdamW":        {5, [][]int{{0, 1, 2, 4}, {1, 4}, {2, 4}, {0, 1, 2, 3, 4}}, adamwUpdate},
	} {
		for _, n := range []int{1, 7, 8, 16, 29} {
			b := buffers{t: t}
			in, want, got := b.list(c.in, n), b.list(len(c.depends), n), b.list(len(c.depends), n)
			for _, x := range in { // second moments and sigmoids are positive
				for i := range x {
					x[i] = float32(math.Abs(float64(x[i])))
				}
			}
			c.f(want, in)
			for k, x := range in {
				for at := range n {
					was := x[at]
					x[at] = float32(math.NaN())
					c.f(got, in)
					x[at] = was
					for r, operands := range c.depends {
						for i := range n {
							spoilt := i == at && slices.Contains(operands, k)
							if isNaN := got[r][i] != got[r][i]; isNaN != spoilt || !spoilt && got[r][i] != want[r][i] {
								t.Fatalf("%s: NaN at %d of operand %d: result %d [%d] = %g, without it %g", name, at, k, r, i, got[r][i], want[r][i])
							}
						}
					}
				}
			}
		}
	}
}

// magnitudes fills a matrix with numbers of very different sizes.
func magnitudes(x []float32, seed uint64) {
	normal(x, seed, 1)
	for i := range x {
		x[i] *= float32(math.Exp2(float64((i*7919+int(seed)*31)%61 - 30)))
	}
}

// An element of a product is as near to float64 as its comment says, for numbers of one size and of all sizes, at depths that meet every block.
func TestGemmBound(t *testing.T) {
	for _, s := range [][3]int{{7, 33, 1}, {13, 17, 4}, {6, 70, 65}, {5, 3, 300}, {48, 20, 513}, {3, 40, 2000}} {
		m, n, k := s[0], s[1], s[2]
		for flags := range 4 {
			tA, tB := flags&1 != 0, flags&2 != 0
			a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
			magnitudes(a, 1)
			magnitudes(b, 2)
			lda, ldb := k, n
			if tA {
				lda = m
			}
			if tB {
				ldb = k
			}
			kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, c, n, false)
			worst := 0.0
			for i := range m {
				for j := range n {
					want, size := 0.0, 0.0
					for l := range k {
						p := float64(at(a, tA, lda, i, l)) * float64(at(b, tB, ldb, l, j))
						want, size = want+p, size+math.Abs(p)
					}
					worst = max(worst, math.Abs(float64(c[i*n+j])-want)/size*0x1p24)
				}
			}
			if !(worst <= float64(k+2)) {
				t.Errorf("%v transposed %v %v: %.3g·2⁻²⁴ of the sum of sizes, want at most %d", s, tA, tB, worst, k+2)
			}
		}
	}
}

// at is element [i j] of a matrix that may be stored transposed.
func at(x []float32, t bool, ld, i, j int) float32 {
	if t {
		i, j = j, i
	}
	return x[i*ld+j]
}

// NaN and infinity in a factor reach every element whose sum they are in, also beside a factor of 0; one product beside
// zeros is rounded once, be it huge or subnormal.
func TestGemmOfHardNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, s := range [][3]int{{1, 1, 1}, {7, 18, 5}, {13, 3, 9}, {2, 40, 70}} {
		m, n, k := s[0], s[1], s[2]
		for flags := range 4 {
			tA, tB := flags&1 != 0, flags&2 != 0
			for _, c := range []struct{ a, b float32 }{
				{nan, 0}, {0, nan}, {inf, 0}, {0, inf}, {inf, 1}, {1, -inf}, {inf, inf}, {nan, inf}, {math.MaxFloat32, 2}, {-math.MaxFloat32, 2},
				{1e-30, 1e-30}, {1e-45, 1}, {1e-40, 0.5}, {1e-40, 1e10}, {-1e-45, 1e38},
			} {
				for _, l := range []int{0, k - 1} {
					a, b, got := make([]float32, m*k), make([]float32, k*n), guarded(t, m*n)
					lda, ldb := k, n
					if tA {
						lda = m
					}
					if tB {
						ldb = k
					}
					i, j := m-1, n-1
					*place(a, tA, lda, i, l), *place(b, tB, ldb, l, j) = c.a, c.b
					kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, got, n, false)
					if want := float32(float64(c.a) * float64(c.b)); got[i*n+j] != want && (want == want || got[i*n+j] == got[i*n+j]) {
						t.Errorf("%v transposed %v %v: %g·%g at depth %d = %g, want %g", s, tA, tB, c.a, c.b, l, got[i*n+j], want)
					}
					for e, v := range got {
						row, column := e/n == i, e%n == j
						spoilt := row && !finite(c.a) || column && !finite(c.b)
						if !(row && column) && (v != v) != spoilt {
							t.Fatalf("%v transposed %v %v: %g and %g: element [%d %d] is %g", s, tA, tB, c.a, c.b, e/n, e%n, v)
						}
					}
				}
			}
		}
	}
}

func finite(v float32) bool { return v-v == 0 }

func place(x []float32, t bool, ld, i, j int) *float32 {
	if t {
		i, j = j, i
	}
	return &x[i*ld+j]
}

// Fill writes one number everywhere, Map the function of each, and nothing beside.
func TestFillAndMap(t *testing.T) {
	for n := range 40 {
		x, dst := guarded(t, n), guarded(t, n)
		kernel.Fill(x, 2)
		kernel.Map(dst, x, math.Sqrt)
		for i := range n {
			if x[i] != 2 || dst[i] != float32(math.Sqrt2) {
				t.Errorf("[%d] of %d: filled %g, √ %g", i, n, x[i], dst[i])
			}
		}
	}
}

// Repeat writes each number so many times, a last one cut short included, and nothing beyond.
func TestRepeat(t *testing.T) {
	for n := 1; n < 40; n++ {
		for _, size := range []int{0, 1, n - 1, n, n + 1, 3*n - 1, 5 * n} {
			x, dst := guarded(t, (size+n-1)/n), guarded(t, size)
			for i := range x {
				x[i] = float32(i + 1)
			}
			kernel.Repeat(dst, x, n)
			for i, v := range dst {
				if v != x[i/n] {
					t.Errorf("[%d] of %d, %d times each: got %g, want %g", i, size, n, v, x[i/n])
				}
			}
		}
	}
}

// NaN and infinity reach the sum of squares from the numbers and from the mean, and each row of a layer norm from itself alone.
func TestSquaresAndNormsOfHardNumbers(t *testing.T) {
	for _, n := range []int{1, 8, 16, 37} {
		for at := range n {
			for _, hard := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
				x, scale, dst := make([]float32, 3*n), make([]float32, n), guarded(t, 3*n)
				normal(x, 1, 1)
				kernel.Fill(scale, 1)
				x[n+at] = hard
				if got := kernel.SumSquares(x[n:2*n], 0); !near(got, float64(hard*hard), 1, 0) {
					t.Errorf("SumSquares of %g at %d of %d is %g", hard, at, n, got)
				}
				kernel.LayerNorm(dst, x, scale, nil, 1e-5, make([]float64, 3), make([]float64, 3))
				for i, v := range dst {
					if spoilt := i/n == 1; (v != v) != spoilt {
						t.Fatalf("LayerNorm with %g at [1 %d] of rows of %d: [%d %d] = %g", hard, at, n, i/n, i%n, v)
					}
				}
			}
		}
		x := make([]float32, n)
		if got := kernel.SumSquares(x, math.NaN()); got == got {
			t.Errorf("SumSquares of %d about NaN is %g", n, got)
		}
	}
}
