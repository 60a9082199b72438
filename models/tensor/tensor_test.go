package tensor_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"fmtool/models/tensor"
)

func Example() {
	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	fmt.Println(x, x.Float32()[1*3+1], x.Reshape(3, 2).Dim(-1), x.Convert(tensor.Int64).Int64())
	// Output: float32[2 3] 5 2 [1 2 3 4 5 6]
}

var all = []tensor.DType{
	tensor.Float16, tensor.Float32, tensor.Float64, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
	tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Bool,
}

// Every element type survives the way to bytes and back, and keeps small numbers through every other type that can hold them.
func TestBytesAndConvertRoundTrip(t *testing.T) {
	for _, d := range all {
		x := tensor.Of([]int64{0, 1, 1, 0, 1, 0}, 2, 3).Convert(d)
		back, err := tensor.FromBytes(d, x.Bytes(), 2, 3)
		if err != nil || !bytes.Equal(back.Bytes(), x.Bytes()) {
			t.Errorf("%v: bytes came back as %v, %v", d, back, err)
		}
		for _, e := range all {
			if got := x.Convert(e).Convert(tensor.Int64).Int64(); fmt.Sprint(got) != "[0 1 1 0 1 0]" {
				t.Errorf("%v → %v: %v", d, e, got)
			}
		}
		if name, err := tensor.ParseDType(d.String()); err != nil || name != d {
			t.Errorf("ParseDType(%q) = %v, %v", d, name, err)
		}
	}
}

// Bytes are little-endian, as raw_data and safetensors want them.
func TestBytesLittleEndian(t *testing.T) {
	got := tensor.Of([]float32{1}, 1).Bytes()
	if !bytes.Equal(got, []byte{0, 0, 0x80, 0x3f}) {
		t.Errorf("1.0 as %x", got)
	}
}

// A size that does not fit the shape, or overflows, is refused.
func TestFromBytesRefuses(t *testing.T) {
	for _, shape := range [][]int{{3}, {-1}, {-1, -2}, {math.MaxInt, 8}, {1 << 32, 1 << 32}} {
		if x, err := tensor.FromBytes(tensor.Float32, make([]byte, 8), shape...); err == nil {
			t.Errorf("shape %v accepted 8 bytes: %v", shape, x)
		}
	}
	if _, err := tensor.FromBytes(tensor.DType(99), nil, 0); err == nil {
		t.Error("an unknown element type was accepted")
	}
}

// A bool is 0 or 1 in memory whatever the file said; Go is undefined on others.
func TestBoolBytesAreNormalised(t *testing.T) {
	x, err := tensor.FromBytes(tensor.Bool, []byte{0, 1, 7, 255}, 4)
	if err != nil || !bytes.Equal(x.Bytes(), []byte{0, 1, 1, 1}) {
		t.Errorf("got %v, %v", x.Bytes(), err)
	}
}

// Every half is exact in float32 and comes back; a float32 goes to the nearest half, ties to even.
func TestHalf(t *testing.T) {
	for i := range 1 << 16 {
		h := tensor.Half(i)
		v := h.Float32()
		if back := tensor.HalfOf(v); back != h && v == v {
			t.Fatalf("half %04x = %g came back as %04x", h, v, back)
		} else if v != v && back.Float32() == back.Float32() {
			t.Fatalf("NaN half %04x came back as %04x", h, back)
		}
	}
	for i := range tensor.Half(0x7bff) {
		lo, hi := i.Float32(), (i + 1).Float32()
		tie, even := (lo+hi)/2, i+i&1
		if got := tensor.HalfOf(tie); got != even {
			t.Fatalf("tie %g → %04x, want %04x", tie, got, even)
		}
		if up := math.Nextafter32(tie, hi); tensor.HalfOf(up) != i+1 {
			t.Fatalf("%g → %04x, want %04x", up, tensor.HalfOf(up), i+1)
		}
		if down := math.Nextafter32(tie, lo); tensor.HalfOf(down) != i {
			t.Fatalf("%g → %04x, want %04x", down, tensor.HalfOf(down), i)
		}
	}
}

// Broken contracts inside the module panic: wrong size, wrong type.
func TestPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"Of size":   func() { tensor.Of([]float32{1}, 2) },
		"Data type": func() { tensor.Scalar(float32(1)).Int64() },
		"Reshape":   func() { tensor.New(tensor.Float32, 2).Reshape(3) },
		"Copy":      func() { tensor.Copy(tensor.New(tensor.Float32, 2), tensor.New(tensor.Int64, 2)) },
		"New":       func() { tensor.New(tensor.Invalid, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// Clone shares nothing; Reshape shares everything.
func TestSharing(t *testing.T) {
	x := tensor.Full(float32(1), 2, 2)
	c, r := x.Clone(), x.Reshape(4)
	x.Float32()[0] = 9
	if c.Float32()[0] != 1 || r.Float32()[0] != 9 {
		t.Errorf("clone %v, reshape %v", c.Float32(), r.Float32())
	}
	if empty := tensor.New(tensor.Float32, 0, 3); empty.Len() != 0 || len(empty.Bytes()) != 0 {
		t.Errorf("empty tensor has %d elements", empty.Len())
	}
}

// Convert into existing memory allocates nothing.
func TestConvertAllocatesNothing(t *testing.T) {
	dst, src := tensor.New(tensor.Float64, 64), tensor.New(tensor.Float32, 64)
	if n := testing.AllocsPerRun(100, func() { tensor.Convert(dst, src) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
