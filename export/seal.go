package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/onnx"
)

// The seal of a file: keyDigests are sums of all its parts, so that what was altered has a name, and keySeal is the sum of that text.
const (
	keyDigests = flow.Prefix + "digests"
	keySeal    = flow.Prefix + "digests.sha256"
)

// digests are those of a file and, by key, of its metadata under flow.Prefix.
type digests struct {
	onnx.Digests
	Metadata map[string]string `json:"metadata"`
}

// digestsOf are the sums of a model, with layers' paths of so many parts, 0: as many as are written.
func digestsOf(m *onnx.Model, depth int) digests {
	d := digests{Metadata: map[string]string{}}
	if depth > 0 {
		d.Digests = m.DigestsAt(depth)
	} else {
		d.Digests = m.Digests()
	}
	for key, text := range m.Metadata() {
		if strings.HasPrefix(key, flow.Prefix) && key != keyDigests && key != keySeal {
			d.Metadata[key] = digest(text)[:8]
		}
	}
	return d
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// seal writes the sums of the model, which is complete, into its metadata.
func seal(m *onnx.Model) error {
	text, err := json.Marshal(digestsOf(m, 0))
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	meta := m.Metadata()
	meta[keyDigests], meta[keySeal] = string(text), digest(string(text))
	m.SetMetadata(meta)
	return nil
}

// Sealed is a file with its digests written anew, for a file that was made of another; see the package's word on Verify.
func Sealed(file []byte) ([]byte, error) {
	m, err := onnx.Unmarshal(file)
	if err != nil {
		return nil, err
	}
	if err := seal(m); err != nil {
		return nil, err
	}
	return m.Marshal(), nil
}

// broken lists what of a file is not as it was sealed. A file without a seal has nothing to be held to; sealed is then false.
func broken(m *onnx.Model) (faults []Fault, sealed bool) {
	meta := m.Metadata()
	text, have := meta[keyDigests]
	sum, haveSum := meta[keySeal]
	if !have && !haveSum {
		return nil, false
	}
	fault := func(place, format string, args ...any) {
		faults = append(faults, Fault{Check: "digests", Place: place, Says: fmt.Sprintf(format, args...)})
	}
	var want digests
	if err := json.Unmarshal([]byte(text), &want); err != nil || digest(text) != sum || want.Depth < 1 {
		fault("metadata "+keyDigests, "was altered itself: its SHA-256 is %.16s…, written was %.16s…", digest(text), sum)
		return faults, true
	}
	got := digestsOf(m, want.Depth)
	for _, c := range []struct {
		what      string
		got, want map[string]string
	}{
		{"metadata", got.Metadata, want.Metadata}, {"tensor", got.Tensors, want.Tensors},
		{"layer", got.Layers, want.Layers}, {"graph:", got.Parts, want.Parts},
	} {
		names := slices.Collect(maps.Keys(c.want))
		for name := range c.got {
			if _, ok := c.want[name]; !ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			switch g, w := c.got[name], c.want[name]; {
			case g == w:
			case g == "":
				fault(c.what+" "+name, "is gone since the export")
			case w == "":
				fault(c.what+" "+name, "was not there at the export")
			default:
				fault(c.what+" "+name, "is not what was exported")
			}
		}
	}
	return faults, true
}
