package data_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fmtool/train/data"
)

func Example() {
	set, err := data.ReadCSV([]byte("a,b,kind\n1,2,cat\n3,4,dog\n"), data.Options{Label: "kind"})
	fmt.Println(set.Rows, set.Columns, set.Labels, set.Classes, err)
	// Output: [1 2 3 4] [a b] [0 1] [cat dog] <nil>
}

// The built-in digits are all there.
func TestDigits(t *testing.T) {
	s, err := data.Load("digits", data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 1797 || s.Dim() != 64 || len(s.Classes) != 10 || slices.Max(s.Rows) != 16 || slices.Min(s.Rows) != 0 {
		t.Errorf("%d rows of %d, classes %v, from %g to %g", s.Len(), s.Dim(), s.Classes, slices.Min(s.Rows), slices.Max(s.Rows))
	}
	if s.Labels[0] != 0 || s.Labels[1] != 1 || s.Row(0)[2] != 5 {
		t.Error("the first row is not the zero it should be")
	}
}

// The real earthquakes load by column.
func TestEarthquakes(t *testing.T) {
	s, err := data.Load("../../testdata/earthquakes.csv", data.Options{Columns: []string{"longitude", "latitude"}})
	if err != nil || s.Len() != 1707 || s.Dim() != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	for i := range s.Len() {
		if lon, lat := s.Row(i)[0], s.Row(i)[1]; lon < -180 || lon > 180 || lat < -90 || lat > 90 {
			t.Fatalf("row %d lies at %g, %g", i, lon, lat)
		}
	}
}

// Each shape lies where its formula says, is the same for the same seed and another for another.
func TestShapes(t *testing.T) {
	want := map[string]func(x, y float64) float64{ // distance from the noiseless curve
		"moons": func(x, y float64) float64 {
			return min(math.Abs(math.Hypot(x, y)-1), math.Abs(math.Hypot(x-1, y-0.5)-1))
		},
		"circles": func(x, y float64) float64 {
			r := math.Hypot(x, y)
			return min(math.Abs(r-1), math.Abs(r-0.5))
		},
		"checkerboard": func(x, y float64) float64 {
			i, j := math.Floor(x*0.45), math.Floor(y*0.45)
			return math.Abs(math.Mod(i+j, 2)) + max(0, math.Abs(x)*0.45-2) + max(0, math.Abs(y)*0.45-2)
		},
		"swissroll": func(x, y float64) float64 {
			r := 5 * math.Hypot(x, y)
			s, c := math.Sincos(r)
			return math.Hypot(x-r*c/5, y-r*s/5)
		},
		"scurve": func(x, y float64) float64 {
			return min(math.Abs(math.Hypot(x, y-1)-1), math.Abs(math.Hypot(x, y+1)-1), math.Abs(math.Hypot(x, y)))
		},
		"8gaussians": func(x, y float64) float64 { return max(0, math.Abs(math.Hypot(x, y)-5)-5) },
	}
	for _, name := range data.Shapes() {
		options := ":noise=0,n=500"
		if name == "checkerboard" || name == "8gaussians" {
			options = ":n=500"
		}
		a, err := data.Load(name+options, data.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		b, _ := data.Load(name+options, data.Options{Seed: 1})
		c, _ := data.Load(name+options, data.Options{Seed: 2})
		if !slices.Equal(a.Rows, b.Rows) || slices.Equal(a.Rows, c.Rows) {
			t.Errorf("%s: the seed does not decide the rows", name)
		}
		f := want[name]
		if f == nil {
			t.Errorf("%s has no formula here", name)
			continue
		}
		for i := range a.Len() {
			if d := f(float64(a.Row(i)[0]), float64(a.Row(i)[1])); d > 1e-4 {
				t.Errorf("%s: point %v lies %g off", name, a.Row(i), d)
				break
			}
		}
	}
	s, _ := data.Load("moons:noise=0.05,scale=2,shift=-1,n=10", data.Options{Seed: 1})
	p, _ := data.Load("moons:noise=0.05,n=10", data.Options{Seed: 1})
	if got, want := s.Rows[3], 2*p.Rows[3]-1; math.Abs(float64(got-want)) > 1e-6 {
		t.Errorf("scale and shift: %g, want %g", got, want)
	}
}

// Mistakes in a table are named by line and column.
func TestCSVRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "empty",
		"a,b\n":                   "no rows",
		"a,b\n1,2\n3\n":           "line 3: not the 2 fields",
		"a,b\n1,2\n3,x\n":         `line 3, column "b": "x" is not a number`,
		"a,b\n1,\n":               `line 2, column "b": the field is empty`,
		"a,b\n1,NaN\n":            "not a finite number",
		"a,b\n1,1e99\n":           "not a finite number",
		"a,\"b\n1,2\n":            "quote",
		"\x1f\x8bnot gzip at all": "gzip",
	} {
		if s, err := data.ReadCSV([]byte(text), data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, s, err, want)
		}
	}
	if _, err := data.ReadCSV([]byte("a,k\n1,x\n2, \n"), data.Options{Label: "k"}); err == nil || !strings.Contains(err.Error(), `line 3, column "k": the label is empty`) {
		t.Errorf("a row without its label: %v", err)
	}
	s, err := data.ReadCSV([]byte("a,b,c\n1,2,3\n4,5,6\n"), data.Options{Condition: []string{"b"}})
	if err != nil || !slices.Equal(s.Rows, []float32{1, 3, 4, 6}) || !slices.Equal(s.Vectors, []float32{2, 5}) || !slices.Equal(s.Take([]int{1}).Vectors, []float32{5}) {
		t.Errorf("condition columns: %+v, %v", s, err)
	}
	for _, o := range []data.Options{{Condition: []string{"length"}, Label: "width"}, {Condition: []string{"length"}, Columns: []string{"length"}}, {Condition: []string{"length", "width"}}, {Columns: []string{"lenght"}}, {Label: "lenght"}, {Columns: []string{"length", "length"}}, {Columns: []string{"length"}, Label: "length"}} {
		if _, err := data.ReadCSV([]byte("length,width\n1,2\n"), o); err == nil {
			t.Errorf("%+v accepted", o)
		} else if o.Label == "lenght" && !strings.Contains(err.Error(), `did you mean "length"`) {
			t.Errorf("no proposal: %v", err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(text, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"no/such.csv": "no such file", "none.parquet": "no such file", "mons": `did you mean "moons"`, text: "ends in .csv",
		"moons:nois=1": `did you mean "noise"`, "moons:noise=x": "not a number", "moons:n=0": "rows", "moons:n=1e30": "rows",
		"digits:n=5": "takes no options",
	} {
		if _, err := data.Load(source, data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

// The byte-order mark that spreadsheets put first is no part of the first column's name.
func TestCSVByteOrderMark(t *testing.T) {
	s, err := data.ReadCSV([]byte("\ufeffa,b\n1,2\n"), data.Options{Columns: []string{"a"}})
	if err != nil || !slices.Equal(s.Rows, []float32{1}) {
		t.Errorf("%+v, %v", s, err)
	}
}

// A table without a header is refused, as its first row would be lost; columns that are counted, or asked for by name, have one.
func TestTableWithoutHeader(t *testing.T) {
	for text, refused := range map[string]bool{
		"5.1,3.5\n4.9,3\n": true, "3\n4\n": true, "1,1\n2,2\n": true, "-1e3, 2\n1,2\n": true, "0.5,1.5\n1,2\n": true,
		"0,1,2\n5,6,7\n": false, "2001,2002\n5,6\n": false, "0\n4\n": false, "x,2\n5,6\n": false,
	} {
		s, err := data.ReadCSV([]byte(text), data.Options{})
		if refused && (err == nil || !strings.Contains(err.Error(), "line 1 holds numbers")) || !refused && (err != nil || s.Len() != 1) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if s, err := data.ReadCSV([]byte("50,10\n4,3\n"), data.Options{Columns: []string{"10"}}); err != nil || s.Row(0)[0] != 3 {
		t.Errorf("a column of a number's name: %v", err)
	}
}

// What is written is read back, numbers exactly, gzipped or not.
func TestRoundTrips(t *testing.T) {
	s, _ := data.ReadCSV([]byte("a,\"b, c\",k\n0.1,-3e-30,x\n16777217,2,y\n"), data.Options{Label: "k"})
	var plain, packed, npy bytes.Buffer
	if err := data.WriteCSV(&plain, s); err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(plain.Bytes())
	_ = z.Close()
	for name, b := range map[string][]byte{"plain": plain.Bytes(), "gzip": packed.Bytes()} {
		if got, err := data.ReadCSV(b, data.Options{Label: "label"}); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, s)
		}
	}
	if err := data.WriteNPY(&npy, s.Rows, 2, 2); err != nil {
		t.Fatal(err)
	}
	if npy.Len()%64 != 16 { // the header is padded to 64 bytes, 4 numbers follow
		t.Errorf("the file has %d bytes", npy.Len())
	}
	if got, err := data.ReadNPY(npy.Bytes()); err != nil || !slices.Equal(got.Rows, s.Rows) || !slices.Equal(got.Dims, []int{2}) {
		t.Errorf("NPY: %+v, %v", got, err)
	}
}

// A broken array file is an error, never a panic or a huge allocation.
func TestNPYRefuses(t *testing.T) {
	var ok bytes.Buffer
	_ = data.WriteNPY(&ok, []float32{1, 2, 3, 4}, 2, 2)
	for n := range ok.Len() {
		if _, err := data.ReadNPY(ok.Bytes()[:n]); err == nil {
			t.Errorf("the first %d bytes were accepted", n)
		}
	}
	for old, bad := range map[string]string{"(2, 2)": "(2, 9)", "<f4": ">f4", "False": "True ", "(2, 2), ": "(99999999999999999999, 2), ", "'<f4'": "'|O'  "} {
		if b := strings.Replace(ok.String(), old, bad, 1); b == ok.String() {
			t.Errorf("%s is not in the file", old)
		} else if s, err := data.ReadNPY([]byte(b)); err == nil {
			t.Errorf("%s → %s accepted: %+v", old, bad, s)
		}
	}
}

func FuzzReadNPY(f *testing.F) {
	var ok bytes.Buffer
	_ = data.WriteNPY(&ok, []float32{1, 2, 3, 4}, 2, 2)
	f.Add(ok.Bytes())
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := data.ReadNPY(b); err == nil && len(s.Rows) != s.Len()*s.Dim() {
			t.Errorf("%+v", s)
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"), "a", "b")
	f.Fuzz(func(t *testing.T, b []byte, column, label string) {
		if s, err := data.ReadCSV(b, data.Options{Columns: []string{column}, Label: label}); err == nil && (len(s.Rows) != s.Len()*s.Dim() || s.Labels != nil && len(s.Labels) != s.Len()) {
			t.Errorf("%+v", s)
		}
	})
}

// Every row is seen once an epoch, in an order that the seed and the epoch decide, whatever was asked before.
func TestBatcher(t *testing.T) {
	b, err := data.NewBatcher(10, 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	var steps [9][]int
	for k := range steps {
		steps[k] = slices.Clone(b.Step(k))
	}
	for e := range 3 {
		epoch := slices.Concat(steps[3*e], steps[3*e+1], steps[3*e+2])
		slices.Sort(epoch)
		if len(slices.Compact(epoch)) != 9 {
			t.Errorf("epoch %d repeats a row: %v", e, epoch)
		}
	}
	again, _ := data.NewBatcher(10, 3, 7)
	for _, k := range []int{8, 0, 5} {
		if !slices.Equal(again.Step(k), steps[k]) {
			t.Errorf("step %d differs when asked out of order", k)
		}
	}
	if slices.Equal(steps[0], steps[3]) && slices.Equal(steps[1], steps[4]) {
		t.Error("two epochs have one order")
	}
	if _, err := data.NewBatcher(2, 3, 7); err == nil || !strings.Contains(err.Error(), "--batch 2") {
		t.Errorf("a batch larger than the data: %v", err)
	}
}

// The split is a partition, the same for the same seed.
func TestSplit(t *testing.T) {
	s, _ := data.Load("moons:n=100", data.Options{})
	train, held := s.Split(0.2, 3)
	_, again := s.Split(0.2, 3)
	if train.Len() != 80 || held.Len() != 20 || !slices.Equal(held.Rows, again.Rows) || len(held.Labels) != 20 {
		t.Errorf("%d and %d rows", train.Len(), held.Len())
	}
	all := slices.Concat(train.Rows, held.Rows)
	slices.Sort(all)
	rows := slices.Clone(s.Rows)
	slices.Sort(rows)
	if !slices.Equal(all, rows) {
		t.Error("rows were lost or repeated")
	}
}

// With diagonal=1 the noise of moons moves a point by the same amount, from 0 to noise, in both coordinates: both halves of the moons stay circles but for it, and labels
// say which half.
func TestMoonsDiagonalNoise(t *testing.T) {
	set, err := data.Load("moons:n=4000,noise=0.2,diagonal=1,scale=3,shift=-1", data.Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	largest, mean := 0.0, 0.0
	for i := range set.Len() {
		x, y, sign := (float64(set.Row(i)[0])+1)/3, (float64(set.Row(i)[1])+1)/3, 1.0
		if set.Labels[i] == 1 { // turned into the outer half; so is the offset
			x, y, sign = 1-x, 0.5-y, -1
		}
		// (x − d)² + (y − d)² = 1 has two roots; the offset is that within its range
		b, c := x+y, (x*x+y*y-1)/2
		root := math.Sqrt(max(b*b-4*c, 0))
		d := sign * (b - root) / 2
		if other := sign * (b + root) / 2; d < -1e-3 || d > 0.201 {
			d = other
		}
		if d < -1e-3 || d > 0.201 {
			t.Fatalf("point %d of class %d is %.4f off its half", i, set.Labels[i], d)
		}
		largest, mean = max(largest, d), mean+d/float64(set.Len())
	}
	if largest < 0.19 || math.Abs(mean-0.1) > 0.01 {
		t.Errorf("offsets up to %.3f, mean %.3f; want uniform to 0.2", largest, mean)
	}
}
