package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Sizes of a grid of images, in pixels.
const (
	zoom = 6 // of one data pixel
	gap  = 4 // between images
)

// writeGrid draws rows of height × width grey images, perRow beside each other, as a PNG. Black and white are the 1st and 99th
// percentile of all numbers, so that a few outliers do not wash the picture out.
func writeGrid(w io.Writer, rows []float32, height, width, perRow int) error {
	n := len(rows) / (height * width)
	if n == 0 {
		return fmt.Errorf("no image to draw")
	}
	perRow = min(perRow, n)
	lines := (n + perRow - 1) / perRow
	lo, hi := percentile(rows, 0.01), percentile(rows, 0.99)
	img := image.NewGray(image.Rect(0, 0, perRow*(width*zoom+gap)+gap, lines*(height*zoom+gap)+gap))
	for i := range img.Pix {
		img.Pix[i] = 40
	}
	for i := range n {
		x0, y0 := gap+i%perRow*(width*zoom+gap), gap+i/perRow*(height*zoom+gap)
		for p, v := range rows[i*height*width : (i+1)*height*width] {
			grey := color.Gray{Y: uint8(255 * min(max((v-lo)/(hi-lo), 0), 1))}
			fill(img, x0+p%width*zoom, y0+p/width*zoom, grey)
		}
	}
	return png.Encode(w, img)
}

func fill(img *image.Gray, x, y int, c color.Gray) {
	for i := range zoom * zoom {
		img.SetGray(x+i%zoom, y+i/zoom, c)
	}
}

func percentile(values []float32, p float64) float32 {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[int(p*float64(len(s)-1))]
}

// panel is one scatter plot: 2-D points under a title.
type panel struct {
	title  string
	points []float32 // [n, 2]
}

// writeScatter draws panels beside each other on common axes as a PNG.
func writeScatter(w io.Writer, panels []panel, xLabel, yLabel string) error {
	plots := make([]*plot.Plot, len(panels))
	for i, pn := range panels {
		p := plot.New()
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = pn.title, xLabel, yLabel
		p.Title.TextStyle.Font.Size = font.Length(14)
		xys := make(plotter.XYs, len(pn.points)/2)
		for j := range xys {
			xys[j] = plotter.XY{X: float64(pn.points[2*j]), Y: float64(pn.points[2*j+1])}
		}
		dots, err := plotter.NewScatter(xys)
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: color.NRGBA{20, 60, 160, 110}, Radius: vg.Points(1.6), Shape: draw.CircleGlyph{}}
		p.Add(plotter.NewGrid(), dots)
		plots[i] = p
	}
	frame(plots, panels[0].points)
	c := vgimg.NewWith(vgimg.UseWH(vg.Length(len(panels))*5*vg.Inch, 4.2*vg.Inch), vgimg.UseDPI(110))
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Points(16), PadTop: vg.Points(6), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(10)}
	for i, canvas := range plot.Align([][]*plot.Plot{plots}, tiles, draw.New(c))[0] {
		plots[i].Draw(canvas)
	}
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// frame gives all plots the range of the first one's points, a twentieth wider.
func frame(plots []*plot.Plot, points []float32) {
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for i, v := range points {
		lo[i%2], hi[i%2] = min(lo[i%2], float64(v)), max(hi[i%2], float64(v))
	}
	for _, p := range plots {
		mx, my := (hi[0]-lo[0])/20, (hi[1]-lo[1])/20
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = lo[0]-mx, hi[0]+mx, lo[1]-my, hi[1]+my
	}
}
