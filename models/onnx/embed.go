package onnx

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Embed reads the numbers that lie in other files into the model, so that Marshal gives one file with all data inside. Locations are relative to dir, the
// model's folder, and contained in it: an absolute location, one with "..", a symbolic link anywhere on the way, a file with several hard links, and
// one that is no plain file are errors, and so are ranges outside the file. limit bounds the bytes read in all; 0: Default.Bytes.
func (m *Model) Embed(dir string, limit int) error {
	if limit == 0 {
		limit = Default.Bytes
	}
	e := &embedder{left: int64(limit)}
	var err error
	if e.root, err = os.OpenRoot(dir); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	defer e.root.Close() //nolint:errcheck // it was only read
	m.eachTensor(func(t *Tensor) {
		if err == nil && t.outside() {
			if err = e.embed(t); err != nil {
				err = fmt.Errorf("onnx: tensor %q: %w", short(t.Name), err)
			}
		}
	})
	return err
}

// ReadBeside is the whole of a file that a model refers to, contained in the model's folder as Embed has it, of at most limit bytes.
func ReadBeside(dir, location string, limit int) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	f, info, err := (&embedder{root: root}).open(location)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if info.Size() > int64(limit) {
		return nil, fmt.Errorf("onnx: %q has %d bytes, more than the %d allowed", short(location), info.Size(), limit)
	}
	return io.ReadAll(io.LimitReader(f, int64(limit)))
}

type embedder struct {
	root *os.Root
	left int64
}

// embed reads the range of one tensor.
func (e *embedder) embed(t *Tensor) error {
	keys := map[string]string{}
	for _, kv := range t.ExternalData {
		keys[kv.Key] = kv.Value
	}
	n, ok := elements(t.Dims)
	bits, known := elementBits[t.DataType]
	if !ok || !known || t.RawData != nil {
		return fmt.Errorf("dimensions %v of %s in another file", firstDims(t.Dims), ElementName(t.DataType))
	}
	size := (n*bits + 7) / 8
	if size > e.left {
		return fmt.Errorf("%d bytes in another file, more than the %d still allowed", size, e.left)
	}
	e.left -= size
	offset, err := number(keys, "offset", 0)
	if err != nil {
		return err
	}
	if length, err := number(keys, "length", size); err != nil || length != size {
		return fmt.Errorf("length %q in another file, its dimensions %v need %d bytes", short(keys["length"]), firstDims(t.Dims), size)
	}
	if t.RawData, err = e.read(keys["location"], offset, size); err != nil {
		return err
	}
	t.ExternalData, t.DataLocation = nil, 0
	t.zeros &^= bit(14)
	return nil
}

// number is a key's value, from 0 on.
func number(keys map[string]string, key string, otherwise int64) (int64, error) {
	text, ok := keys[key]
	if !ok {
		return otherwise, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 {
		return 0, fmt.Errorf("%s %q in another file: want a number from 0 on", key, short(text))
	}
	return v, nil
}

// read is size bytes from offset on of a contained file.
func (e *embedder) read(location string, offset, size int64) ([]byte, error) {
	f, info, err := e.open(location)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if offset > info.Size() || size > info.Size()-offset {
		return nil, fmt.Errorf("bytes %d to %d of %q, which has %d; is the file whole?", offset, offset+size, short(location), info.Size())
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, size), b); err != nil {
		return nil, fmt.Errorf("%q: %w", short(location), err)
	}
	return b, nil
}

// open opens a plain file below the folder, and makes sure that what was opened is what was looked at.
func (e *embedder) open(location string) (*os.File, os.FileInfo, error) {
	refuse := func(why string) (*os.File, os.FileInfo, error) {
		return nil, nil, fmt.Errorf("numbers are in %q, %s; keep them in one plain file beside the model", short(location), why)
	}
	if !filepath.IsLocal(location) || strings.ContainsAny(location, "\\\x00") || strings.Contains(location, "..") {
		return refuse("which is not within the model's folder")
	}
	parts := strings.Split(filepath.ToSlash(location), "/")
	for i := range parts {
		at, err := e.root.Lstat(strings.Join(parts[:i+1], "/"))
		if err != nil {
			return nil, nil, err
		}
		if last := i == len(parts)-1; at.Mode()&os.ModeSymlink != 0 {
			return refuse("a symbolic link")
		} else if last && !at.Mode().IsRegular() {
			return refuse("which is no plain file")
		}
	}
	f, err := e.root.Open(location)
	if err != nil {
		return nil, nil, err
	}
	looked, err1 := e.root.Lstat(location)
	opened, err2 := f.Stat()
	switch {
	case err1 != nil || err2 != nil || !os.SameFile(looked, opened) || !opened.Mode().IsRegular():
		_ = f.Close()
		return refuse("which changed while it was opened")
	case links(opened) > 1:
		_ = f.Close()
		return refuse("a file with several hard links, one of which may be elsewhere")
	}
	return f, opened, nil
}

// eachTensor visits every tensor of the model: initialisers, sparse ones' parts, and those in attributes, of graphs and functions.
func (m *Model) eachTensor(visit func(*Tensor)) {
	for _, g := range m.graphs() {
		g.eachTensor(visit)
	}
	for _, f := range m.Functions {
		eachTensorOf(f.Node, visit)
		for _, a := range f.AttributeProto {
			a.eachTensor(visit)
		}
	}
}

func (g *Graph) eachTensor(visit func(*Tensor)) {
	for _, t := range g.Initializer {
		visit(t)
	}
	for _, s := range g.SparseInitializer {
		s.eachTensor(visit)
	}
	eachTensorOf(g.Node, visit)
}

func eachTensorOf(nodes []*Node, visit func(*Tensor)) {
	for _, n := range nodes {
		for _, a := range n.Attribute {
			a.eachTensor(visit)
		}
	}
}

func (a *Attribute) eachTensor(visit func(*Tensor)) {
	if a.T != nil {
		visit(a.T)
	}
	for _, t := range a.Tensors {
		visit(t)
	}
	a.SparseTensor.eachTensor(visit)
	for _, s := range a.SparseTensors {
		s.eachTensor(visit)
	}
	for _, g := range a.subgraphs() {
		g.eachTensor(visit)
	}
}

func (s *SparseTensor) eachTensor(visit func(*Tensor)) {
	if s == nil {
		return
	}
	for _, t := range []*Tensor{s.Values, s.Indices} {
		if t != nil {
			visit(t)
		}
	}
}

// subgraphs are the graphs that an attribute holds.
func (a *Attribute) subgraphs() []*Graph {
	if a.G == nil {
		return a.Graphs
	}
	return append([]*Graph{a.G}, a.Graphs...)
}
