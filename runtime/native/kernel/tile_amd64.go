//go:build amd64 && !purego

package kernel

// blocks are the sizes of the packed product.
type blocks struct {
	lanes   int // numbers of a vector
	columns int // of a panel of B: two vectors, or one for a last panel that needs no more
	rows    int // of A in a micro-kernel
	tall    int // rows of A that stay in the second-level cache while the panels of B go by
	wide    int // columns of B laid out at a time
	far     int // distance from which rows of a transposed A are copied
	near    int // distance up to which rows of B are read in place, with AVX-512
}

// kc is the depth of a block: so many rows of a panel of B stay in the first-level cache. Sums over k begin anew there.
const kc = 256

// mostTall and mostWide are the largest of tall and wide; scratch has room for them.
const mostTall, mostWide = 280, 512

// The shapes of AVX2 and AVX-512. The last numbers were found by turns of both choices in one process, on Zen 3 and Sapphire Rapids.
var (
	narrowShape = blocks{lanes: 8, columns: 16, rows: 6, tall: 144, wide: 256, far: 1024}
	wideShape   = blocks{lanes: 16, columns: 32, rows: 14, tall: mostTall, wide: mostWide, far: 1024, near: 256}
)

// shape is that of the instructions in use.
var shape blocks

// Columns is the width of a panel, and the multiple on which products with a Packed may be cut along n.
func Columns() int { return shape.columns }

// tile is the work of a micro-kernel: rows of C are rows of from plus op(A)·op(B). The assembly reads the fields in this order.
type tile struct {
	k          int
	a          *float32
	aRow, aCol int // distances in A, in numbers, as all are
	b          *float32
	bRow       int
	bPanel     int // from one pair of vectors of B to the next
	c          *float32
	cRow       int
	from       *float32
	fromRow    int
	last       int // columns of the last vector, 1 to lanes
	// of AVX2
	keep  *float32 // where rows of B are laid out
	step  int      // bytes to the rows of A of the next tile
	count int      // of tiles one below another, 1 at least
	ahead int      // bytes from b to what is to come into the second-level cache next
	lines int      // of that for each tile
}

//go:noescape
func product256(t *tile, kind int)

//go:noescape
func product512(t *tile, kind int)

// run calls the micro-kernel of so many rows and vectors; for more than two vectors the rows are few, see several.
func (t *tile) run(rows, vectors, count int) {
	kind := rows - 1
	switch vectors {
	case 2:
		kind += shape.rows
	case 4:
		kind += 2 * shape.rows
	case 8:
		kind += 2*shape.rows + 2
	}
	t.start(kind, count)
}

// runKeep is run for two vectors of AVX2 that also lays out the rows of B it reads, from keep on; more than half as many rows as a micro-kernel has.
func (t *tile) runKeep(rows int) { t.start(2*shape.rows+3+rows-shape.rows/2-1, 1) }

func (t *tile) start(kind, count int) {
	t.count = count
	if wide {
		product512(t, kind)
	} else {
		product256(t, kind)
	}
}

// several is the number of vectors that a kernel of a few rows does at a time, so that enough sums hide the latency of an addition.
func several(rows, columns int) int {
	switch {
	case rows == 1 && columns >= 4*shape.columns:
		return 8
	case rows <= 2 && columns >= 2*shape.columns:
		return 4
	}
	return 2
}

// left is op(A) as a product reads it.
type left struct {
	data     []float32
	row, col int // distances
	strip    int // from the rows of a micro-kernel to those of the next, if they lie in strips; 0: as row says
}

func leftOf(tA bool, a []float32, lda int) left {
	if tA {
		return left{data: a, row: 1, col: lda}
	}
	return left{data: a, row: lda, col: 1}
}

func (a left) at(i, l int) left { return left{data: a.data[i*a.row+l*a.col:], row: a.row, col: a.col} }

// step is the distance to the rows after the first so many, which are those of a micro-kernel.
func (a left) step(rows int) int {
	if a.strip > 0 {
		return a.strip
	}
	return rows * a.row
}

// right is some rows of op(B) by panels.
type right struct {
	data []float32
	n    int       // columns
	deep int       // numbers of a panel for each of its columns
	skip int       // rows of a panel to leave out
	row  int       // from a row to the next in place; 0: packed, a panel's width
	once bool      // each panel is read by one call of panels only
	keep []float32 // where whole panels that are read in place are laid out when they are first read, beside the last that is not whole
}

// panel is the panel at column j, which has cols columns.
func (b *right) panel(j int) (at *float32, row, cols int) {
	cols = min(shape.columns, b.n-j)
	row = width(cols)
	switch {
	case b.row > 0 && (b.keep == nil || cols == shape.columns):
		return &b.data[j], b.row, cols
	case b.row > 0:
		return &b.keep[b.keptAt(j)], row, cols
	}
	return &b.data[j*b.deep+b.skip*row], row, cols
}

// keptAt is where the panel at column j is laid out: each at its own place unless it is read once, when whole panels share the first.
func (b *right) keptAt(j int) int {
	if !b.once {
		return j * b.deep
	}
	if b.n-j >= shape.columns {
		return 0
	}
	return shape.columns * b.deep
}

// step is the distance from a panel to the next.
func (b *right) step() int {
	if b.row > 0 {
		return shape.columns
	}
	return b.deep * shape.columns
}

// width is that of a panel which holds so many columns.
func width(cols int) int {
	if cols <= shape.lanes {
		return shape.lanes
	}
	return shape.columns
}

// zeros are the columns that products begin from that are added to nothing.
var zeros [8 * 16]float32

func (s start) at(i, j int) start {
	if s.data != nil {
		s.data = s.data[i*s.row+j:]
	}
	return s
}

// first is where the sums of row i from column j on begin.
func (s start) first(i, j int) *float32 {
	if s.data == nil {
		return &zeros[0]
	}
	return &s.data[i*s.row+j]
}

// parts are n parts into which a number falls: more of them of least+1, then the rest of least.
type parts struct{ n, least, more int }

// partsOf lets a number fall into parts as even as can be, none greater than most. One part, of a few rows, costs no division.
func partsOf(number, most int) parts {
	if number <= most {
		return parts{1, number, 0}
	}
	n := (number + most - 1) / most
	return parts{n, number / n, number % n}
}

// alike is the number of parts from one on that are as large.
func (p parts) alike(part int) int {
	if part < p.more {
		return p.more - part
	}
	return p.n - part
}

func (p parts) size(part int) int {
	if part < p.more {
		return p.least + 1
	}
	return p.least
}
