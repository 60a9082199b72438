package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fmtool/train"
	"fmtool/train/metric"
)

// plotLosses are two plots of a log: losses by step, and the last held-out loss by time, if any was measured.
func plotLosses(lines []train.Line) ([]*plot.Plot, error) {
	if len(lines) == 0 {
		return nil, errors.New("the log has no line yet; plot again after the first hundred steps")
	}
	p := titled("loss", "step", "sum over dimensions, mean over rows")
	var steps, losses, heldSteps, held, bins []float64
	least := math.Inf(1)
	for _, l := range lines {
		steps, losses = append(steps, float64(l.Step)), append(losses, l.Loss)
		least = min(least, l.Loss)
		if l.HeldOut != nil {
			heldSteps, held, bins = append(heldSteps, float64(l.Step)), append(held, *l.HeldOut), l.Bins
			least = min(least, *l.HeldOut)
		}
	}
	if err := addLine(p, "training", xys(steps, losses), ink(0), false); err != nil {
		return nil, err
	}
	if held != nil {
		if err := addLine(p, "held out", xys(heldSteps, held), ink(1), true); err != nil {
			return nil, err
		}
	}
	if least > 0 {
		logarithmic(p)
	}
	plots := []*plot.Plot{p}
	if bins != nil {
		b, err := plotBins(bins)
		if err != nil {
			return nil, err
		}
		plots = append(plots, b)
	}
	return plots, nil
}

// plotBins is the held-out loss in each part of the time.
func plotBins(bins []float64) (*plot.Plot, error) {
	p := titled("held-out loss by time", "t / last trained t  (0 noise, 1 data)", "")
	width := 1 / float64(len(bins))
	for k, v := range bins {
		at := float64(k) * width
		bar, err := plotter.NewPolygon(plotter.XYs{{X: at, Y: 0}, {X: at + width, Y: 0}, {X: at + width, Y: v}, {X: at, Y: v}})
		if err != nil {
			return nil, err
		}
		bar.Color, bar.LineStyle = color.NRGBA{200, 80, 30, 170}, draw.LineStyle{Color: color.White, Width: vg.Points(1)}
		p.Add(bar)
	}
	p.X.Min, p.X.Max, p.Y.Min = 0, 1, 0
	return p, nil
}

// addLine adds a named line, with dots if asked.
func addLine(p *plot.Plot, name string, points plotter.XYs, c color.Color, dots bool) error {
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(1.4)
	marks.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(2.2), Shape: draw.CircleGlyph{}}
	p.Add(line)
	if dots {
		p.Add(marks)
		p.Legend.Add(name, line, marks)
		return nil
	}
	p.Legend.Add(name, line)
	return nil
}

// classInk is the colour of a class; points without classes share one.
func classInk(labels []int64, i int, alpha uint8) color.NRGBA {
	c := ink(0)
	if labels != nil {
		c = ink(int(labels[i]))
	}
	c.A = alpha
	return c
}

// plotPoints are the first two columns of points [n, dim], coloured by class.
func plotPoints(title string, x []float32, dim int, labels []int64, names []string) *plot.Plot {
	p := titled(title, names[0], names[1])
	p.Add(&plotter.Scatter{XYs: plane(x, dim), GlyphStyleFunc: func(i int) draw.GlyphStyle {
		return draw.GlyphStyle{Color: classInk(labels, i, 130), Radius: vg.Points(1.6), Shape: draw.CircleGlyph{}}
	}})
	return p
}

// most is the number of trajectories that a plot still shows apart.
const most = 150

// plotTrajectories are the ways of the first points in the first two columns: a dot of noise, a line, a dot of data.
func plotTrajectories(path metric.Path, labels []int64, names []string) *plot.Plot {
	n := min(most, len(path.X[0])/path.Dim)
	p := titled(fmt.Sprintf("%d trajectories", n), names[0], names[1])
	states := make([]plotter.XYs, len(path.X))
	for k, x := range path.X {
		states[k] = plane(x[:n*path.Dim], path.Dim)
	}
	for i := range n {
		way := make(plotter.XYs, len(states))
		for k, s := range states {
			way[k] = s[i]
		}
		p.Add(&plotter.Line{XYs: way, LineStyle: draw.LineStyle{Color: classInk(labels, i, 110), Width: vg.Points(0.6)}})
	}
	from := &plotter.Scatter{XYs: states[0], GlyphStyle: draw.GlyphStyle{Color: color.Gray{150}, Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}}
	to := &plotter.Scatter{XYs: states[len(states)-1], GlyphStyleFunc: func(i int) draw.GlyphStyle {
		return draw.GlyphStyle{Color: classInk(labels, i, 255), Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}
	}}
	p.Add(from, to)
	return p
}

// plane is the first two columns as gonum's plotter takes them.
func plane(x []float32, dim int) plotter.XYs {
	out := make(plotter.XYs, len(x)/dim)
	for i := range out {
		out[i] = plotter.XY{X: float64(x[i*dim]), Y: float64(x[i*dim+1])}
	}
	return out
}

// planes is the first two columns, flat.
func planes(x []float32, dim int) []float32 {
	var out []float32
	for i := 0; i < len(x); i += dim {
		out = append(out, x[i], x[i+1])
	}
	return out
}
