package main

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"fmtool/train/metric"
	"fmtool/train/quality"
)

// inks are the colours of lines and glyphs, told apart by lightness too.
var inks = []color.NRGBA{{31, 78, 161, 255}, {200, 80, 30, 255}, {40, 130, 80, 255}, {140, 80, 160, 255}, {90, 90, 90, 255}, {190, 150, 20, 255}}

func ink(i int) color.NRGBA { return inks[i%len(inks)] }

// titled is an empty plot with a grid.
func titled(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size = font.Length(14)
	p.Title.Padding, p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(4), vg.Points(4)
	p.Legend.Top, p.Legend.Padding = true, vg.Points(2)
	p.Legend.XOffs, p.Legend.YOffs = -vg.Points(6), -vg.Points(4)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid)
	return p
}

// canvasFor is a canvas of the form that a file's name asks for, and what writes it.
func canvasFor(name string, width, height vg.Length) (vg.CanvasSizer, io.WriterTo, error) {
	switch filepath.Ext(name) {
	case ".png":
		c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(110))
		return c, vgimg.PngCanvas{Canvas: c}, nil
	case ".svg":
		c := vgsvg.New(width, height)
		return c, c, nil
	}
	return nil, nil, fmt.Errorf("%s: want a name that ends in .png or .svg", name)
}

// abreast is the most plots in a row of a picture.
const abreast = 3

// writePlots draws plots beside each other, three in a row, in the form that a name asks for.
func writePlots(w io.Writer, name string, plots ...*plot.Plot) error {
	cols := min(len(plots), abreast)
	grid := make([][]*plot.Plot, (len(plots)+cols-1)/cols)
	for i := range grid {
		grid[i] = make([]*plot.Plot, cols)
		copy(grid[i], plots[i*cols:])
	}
	c, out, err := canvasFor(name, vg.Length(cols)*5.2*vg.Inch, vg.Length(len(grid))*4.2*vg.Inch)
	if err != nil {
		return err
	}
	pad := vg.Points(10)
	tiles := draw.Tiles{Rows: len(grid), Cols: cols, PadX: vg.Points(18), PadY: vg.Points(14), PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: pad}
	for i, row := range plot.Align(grid, tiles, draw.New(c)) {
		for j, canvas := range row {
			if grid[i][j] != nil {
				grid[i][j].Draw(canvas)
			}
		}
	}
	_, err = out.WriteTo(w)
	return err
}

// logarithmic gives a plot of positive values a logarithmic axis, a little longer than they need.
func logarithmic(p *plot.Plot) {
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	margin := math.Pow(p.Y.Max/p.Y.Min, 0.06)
	p.Y.Min, p.Y.Max = p.Y.Min/margin, p.Y.Max*margin
}

// xys are points as gonum's plotter takes them.
func xys(x, y []float64) plotter.XYs {
	out := make(plotter.XYs, len(x))
	for i := range x {
		out[i] = plotter.XY{X: x[i], Y: y[i]}
	}
	return out
}

// errorPoints are values with their deviations.
type errorPoints struct {
	plotter.XYs
	plotter.YErrors
}

// plotCurve is quality against evaluations, a line for each solver, over a band at the floor, one deviation wide.
func plotCurve(c quality.Curve, title string) (*plot.Plot, error) {
	p := titled(title, "evaluations of the field for each sample", fmt.Sprintf("%s (%s is better)", c.Metric, c.Better))
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, budgetTicks(c.Points)
	logY := c.Better == metric.Lower && c.Floor.Mean-c.Floor.Std > 0
	first, last := math.Inf(1), math.Inf(-1)
	lines := map[string]*errorPoints{}
	var order []string
	for _, v := range c.Points {
		first, last = min(first, float64(v.Evaluations)), max(last, float64(v.Evaluations))
		if lines[v.Solver] == nil {
			lines[v.Solver] = &errorPoints{}
			order = append(order, v.Solver)
		}
		l := lines[v.Solver]
		l.XYs = append(l.XYs, plotter.XY{X: float64(v.Evaluations), Y: v.Value.Mean})
		down := v.Value.Std
		if logY {
			down = min(down, 0.9*v.Value.Mean)
		}
		l.YErrors = append(l.YErrors, struct{ Low, High float64 }{down, v.Value.Std})
		logY = logY && v.Value.Mean > 0
	}
	lo, hi := c.Floor.Mean-c.Floor.Std, c.Floor.Mean+c.Floor.Std
	band, err := plotter.NewPolygon(plotter.XYs{{X: first, Y: lo}, {X: last, Y: lo}, {X: last, Y: hi}, {X: first, Y: hi}})
	if err != nil {
		return nil, err
	}
	band.Color, band.LineStyle.Width = color.Gray{215}, 0
	p.Add(band)
	p.Legend.Add("floor ± deviation", band)
	for i, name := range order {
		l := lines[name]
		line, dots, err := plotter.NewLinePoints(l.XYs)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = ink(i), vg.Points(1.4)
		dots.GlyphStyle = draw.GlyphStyle{Color: ink(i), Radius: vg.Points(2.4), Shape: draw.CircleGlyph{}}
		bars, err := plotter.NewYErrorBars(l)
		if err != nil {
			return nil, err
		}
		bars.Color = ink(i)
		p.Add(bars, line, dots)
		p.Legend.Add(name, line, dots)
	}
	if logY {
		logarithmic(p)
	}
	roomForLegend(p, lines, len(order)+1)
	return p, nil
}

// budgetTicks are the numbers of evaluations that equal steps spend.
func budgetTicks(points []quality.Point) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	seen := map[int]bool{}
	for _, v := range points {
		if v.Tolerance == 0 && !seen[v.Evaluations] {
			seen[v.Evaluations] = true
			ticks = append(ticks, plot.Tick{Value: float64(v.Evaluations), Label: fmt.Sprint(v.Evaluations)})
		}
	}
	return ticks
}

// logTicks label 1, 2 and 5 times the powers of ten, and every digit where the axis spans less than one of them.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	step := 1.0
	if hi/lo < 4 {
		step = 0.25
	}
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for m := 1.0; m < 10; m += step {
			v := m * math.Pow(10, e)
			if v < lo || v > hi {
				continue
			}
			label := ""
			if m == 1 || m == 2 || m == 5 || step < 1 && m == math.Trunc(m) || hi/lo < 2 {
				label = fmt.Sprintf("%.3g", v)
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}
