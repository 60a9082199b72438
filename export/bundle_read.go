package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"
)

// Bounds on what a stranger's manifest may ask for.
const (
	maxManifest = 64 << 20
	maxFiles    = 1 << 16
)

// Opened is a bundle in a folder.
type Opened struct {
	Manifest
	dir fs.FS
}

// OpenBundle reads the manifest of the bundle in a folder. A manifest that is not whole, or names files outside the folder, is an error. dir should be contained
// itself, as that of an os.Root is.
func OpenBundle(dir fs.FS) (*Opened, error) {
	b, err := readUpTo(dir, manifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("export: no bundle: the folder has no %s; fmtool export FOLDER/ writes one", manifestName)
	}
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if len(b) > maxManifest {
		return nil, fmt.Errorf("export: %s has more than %d bytes", manifestName, maxManifest)
	}
	o := &Opened{dir: dir}
	if err := json.Unmarshal(b, &o.Manifest); err != nil {
		return nil, fmt.Errorf("export: %s: %w", manifestName, err)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("export: %s: %w", manifestName, err)
	}
	return o, nil
}

// check refuses a manifest that contradicts itself.
func (m *Manifest) check() error {
	if m.Format != bundleFormat {
		return fmt.Errorf("format %.40q, want %q", m.Format, bundleFormat)
	}
	if len(m.Files) > maxFiles {
		return fmt.Errorf("%d files, at most %d", len(m.Files), maxFiles)
	}
	for name, f := range m.Files {
		if sum, err := hex.DecodeString(f.SHA256); !fs.ValidPath(name) || name == "." || err != nil || len(sum) != sha256.Size || f.Bytes < 0 {
			return fmt.Errorf("file %.80q of %d bytes with SHA-256 %.80q: want a name in the folder, a size and 64 digits", name, f.Bytes, f.SHA256)
		}
	}
	if len(m.Graphs) == 0 {
		return errors.New("no graphs")
	}
	for i, g := range m.Graphs {
		if err := m.checkGraph(&m.Graphs[i]); err != nil {
			return fmt.Errorf("graph %.40q: %w", g.Name, err)
		}
		if slices.ContainsFunc(m.Graphs[:i], func(h GraphEntry) bool { return h.Name == g.Name }) {
			return fmt.Errorf("graph %.40q stands there twice", g.Name)
		}
	}
	return nil
}

func (m *Manifest) checkGraph(g *GraphEntry) error {
	needs := []string{g.File}
	if g.Weights != inside {
		needs = append(needs, g.Weights)
	}
	if g.State != "" {
		needs = append(needs, g.State)
	}
	if t := g.Test; t != nil {
		if !(t.Tolerance > 0 && t.Tolerance < 1) || len(t.Scales) != len(g.Outputs) {
			return fmt.Errorf("test data with tolerance %g and %d scales for %d outputs", t.Tolerance, len(t.Scales), len(g.Outputs))
		}
		for i, s := range t.Scales {
			if !(s >= 0 && s <= math.MaxFloat64) {
				return fmt.Errorf("scale %g of output %d", s, i)
			}
			needs = append(needs, t.file("output", i))
		}
		for i := range g.Inputs {
			needs = append(needs, t.file("input", i))
		}
	}
	for _, name := range needs {
		if _, ok := m.Files[name]; !ok {
			return fmt.Errorf("no file %.80q is listed", name)
		}
	}
	return nil
}

// readUpTo is a plain file, up to one byte more than limit.
func readUpTo(dir fs.FS, name string, limit int64) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// read is a file whose bytes are those that the manifest promises.
func (o *Opened) read(name string) ([]byte, error) {
	want := o.Files[name]
	b, err := readUpTo(o.dir, name, want.Bytes)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if have := SumOf(b); have != want {
		return nil, fmt.Errorf("export: %s is not what the manifest promises: %d bytes with SHA-256 %.8s…, want %d with %.8s…",
			name, have.Bytes, have.SHA256, want.Bytes, want.SHA256)
	}
	return b, nil
}

// CheckFiles compares every file with its SHA-256 in the manifest; the error names each that differs or is missing. Files that the manifest does not list are
// nobody's concern.
func (o *Opened) CheckFiles() error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(o.Files)) {
		if _, err := o.read(name); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
