package train

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/train/data"
	"fmtool/train/ot"
)

// Transport are the settings of the couplings ot, sinkhorn and c2ot.
type Transport struct {
	Block   int     `yaml:"block"`   // rows that are paired among each other; 0: 64, or the pool if that is smaller
	Pool    int     `yaml:"pool"`    // rows, whole batches, that are cut into blocks together; 0: one batch
	Epsilon float64 `yaml:"epsilon"` // sinkhorn: regularisation as a fraction of a block's mean cost
	Ratio   float64 `yaml:"ratio"`   // c2ot on vectors: share of a block's pairs that are acceptable (ot.AcceptanceWeight)
	// IgnoreCondition makes ot transport without regard to the condition, instead of c2ot. It ties x0 to the condition, which sampling does not.
	IgnoreCondition bool `yaml:"ignore-condition"`
}

// defaultTransport has the acceptance ratio of [CH25]; the size of a block is that from which [TO24] found no more gain.
var defaultTransport = Transport{Epsilon: 0.05, Ratio: 0.05}

const defaultBlock = 64

// leastEpsilon keeps costs over the regularisation finite.
const leastEpsilon = 1e-6

func (c Config) pool() int  { return max(c.OT.Pool, c.Batch) }
func (c Config) block() int { return cmp.Or(c.OT.Block, min(defaultBlock, c.pool())) }

// checkCoupling refuses settings of source and coupling that make no sense together.
func (c Config) checkCoupling() error {
	if c.Coupling != "" {
		known := false
		for _, name := range flow.Couplings {
			known = known || string(name) == c.Coupling
		}
		if !known {
			return flow.Unknown("coupling", c.Coupling, flow.CouplingNames())
		}
	}
	transports := c.Coupling == string(flow.OT) || c.Coupling == string(flow.C2OT) || c.Coupling == string(flow.Sinkhorn)
	switch o := c.OT; {
	case c.Source != "" && c.Pairs != "":
		return errors.New("a source and pairs exclude each other: pairs bring their own x0")
	case c.Pairs != "" && c.Coupling != "" && c.Coupling != string(flow.Pairs):
		return fmt.Errorf("pairs are kept as they are; leave coupling %s or the pairs out", c.Coupling)
	case !transports && (o.Block != 0 || o.Pool != 0 || o.IgnoreCondition):
		return fmt.Errorf("settings of ot with coupling %s; want coupling ot, c2ot or sinkhorn, or leave them out", cmp.Or(c.Coupling, "independent"))
	case c.Coupling != string(flow.Sinkhorn) && o.Epsilon != 0 && o.Epsilon != defaultTransport.Epsilon:
		return fmt.Errorf("ot.epsilon with coupling %s; want coupling sinkhorn, or leave ot.epsilon (--ot-epsilon) out", cmp.Or(c.Coupling, "independent"))
	case c.Coupling != string(flow.C2OT) && c.Coupling != string(flow.OT) && o.Ratio != 0 && o.Ratio != defaultTransport.Ratio:
		return fmt.Errorf("ot.ratio with coupling %s; want coupling c2ot, or leave ot.ratio (--ot-ratio) out", cmp.Or(c.Coupling, "independent"))
	case o.IgnoreCondition && c.Coupling != string(flow.OT):
		return fmt.Errorf("coupling %s does not ignore the condition; use coupling ot", c.Coupling)
	case o.Pool < 0 || o.Pool%c.Batch != 0 || o.Pool > 1<<20:
		return fmt.Errorf("ot.pool is %d, want a multiple of the batch of %d", o.Pool, c.Batch)
	case o.Block < 0 || o.Block > c.pool():
		return fmt.Errorf("ot.block is %d: OT with a block larger than the batch of %d; use a block up to %d, or pair several batches together with ot.pool (--ot-pool)", o.Block, c.Batch, c.pool())
	case transports && !(o.Epsilon >= leastEpsilon && o.Epsilon <= 1e3):
		return fmt.Errorf("ot.epsilon is %g, want a fraction of the mean cost of at least %g; coupling ot is the limit of small ones", o.Epsilon, leastEpsilon)
	case transports && !(o.Ratio > 0 && o.Ratio <= 1):
		return fmt.Errorf("ot.ratio is %g, want a fraction", o.Ratio)
	case c.Sigma > 0 && (c.Prediction != "velocity" || c.LossIn != "" && c.LossIn != "velocity"):
		return errors.New("path noise (sigma) goes with prediction and loss of the velocity: the conversions to other quantities do not know of it")
	}
	return nil
}

// start refuses data that do not fit the settings of source and coupling.
func (c Config) start(set *data.Set) (*data.Set, error) {
	want, have := c.Coupling == string(flow.Pairs), set.Paired != nil
	switch {
	case want && !have:
		return nil, errors.New("coupling pairs needs pairs; give the x0 of each row (--pairs FILE)")
	case have && c.Coupling != "" && !want:
		return nil, fmt.Errorf("the data are pairs; leave coupling %s out", c.Coupling)
	case c.Coupling == string(flow.C2OT) && (c.Unconditional || set.Labels == nil && set.Vectors == nil):
		return nil, errors.New("coupling c2ot needs a condition; use coupling ot, or name a label or condition columns")
	case c.OT.Ratio != 0 && c.OT.Ratio != defaultTransport.Ratio && (c.Unconditional || c.OT.IgnoreCondition || set.Vectors == nil):
		return nil, errors.New("ot.ratio is for conditions that are numbers, which are not paired by here; leave it (--ot-ratio) out, or name condition columns")
	case c.OT.IgnoreCondition && (c.Unconditional || set.Labels == nil && set.Vectors == nil):
		return nil, errors.New("there is no condition to ignore; leave ot.ignore-condition out")
	case have && len(set.Paired) != len(set.Rows):
		return nil, fmt.Errorf("%d numbers x0 for %d numbers x1, want a row for each", len(set.Paired), len(set.Rows))
	case set.Source != nil && set.Source.Dim() != set.Dim():
		return nil, fmt.Errorf("rows of the source have %d numbers, those of the data %d", set.Source.Dim(), set.Dim())
	}
	return set, nil
}

// couple says in the spec where x0 comes from and how it is paired. With a condition ot means c2ot, unless the condition is to be ignored.
func (c Config) couple(spec *flow.Spec, set *data.Set) {
	spec.Sigma, spec.Coupling = c.Sigma, flow.Coupling(cmp.Or(c.Coupling, string(flow.Independent)))
	if set.Paired != nil {
		spec.Coupling = flow.Pairs
	}
	if spec.Coupling == flow.OT && spec.Condition.Kind != flow.Unconditional && !c.OT.IgnoreCondition {
		spec.Coupling = flow.C2OT
	}
	if set.Source != nil || set.Paired != nil && !set.Noise {
		spec.Source = flow.DataSource
	}
}

// paired says that a model's batches are paired by transport.
func (c Config) paired(spec flow.Spec) bool {
	_, ok := methods[spec.Coupling]
	return ok
}

// poolSteps is the number of steps whose batches are paired together.
func (c Config) poolSteps(spec flow.Spec) int {
	if c.paired(spec) {
		return c.pool() / c.Batch
	}
	return 1
}

// couplingFacts adds the settings that the model's coupling used; its name is in the spec.
func (c Config) couplingFacts(f map[string]string, spec flow.Spec) {
	if !c.paired(spec) {
		return
	}
	f[flow.Prefix+"train.ot.block"], f[flow.Prefix+"train.ot.pool"] = strconv.Itoa(c.block()), strconv.Itoa(c.pool())
	switch {
	case spec.Coupling == flow.Sinkhorn:
		f[flow.Prefix+"train.ot.epsilon"] = strconv.FormatFloat(c.OT.Epsilon, 'g', -1, 64)
	case spec.Coupling == flow.C2OT && spec.Condition.Kind == flow.Vector:
		f[flow.Prefix+"train.ot.ratio"] = strconv.FormatFloat(c.OT.Ratio, 'g', -1, 64)
	}
}

var methods = map[flow.Coupling]ot.Method{flow.OT: ot.Exact, flow.Sinkhorn: ot.Entropic, flow.C2OT: ot.Conditional}

// pairing pairs x0 with x1 in the batches of a pool: x1, its conditions and times stay where they are, and x0 of the whole pool is permuted. So no row is repeated or
// dropped, neither of the data nor of the source, whatever the coupling.
type pairing struct {
	coupler ot.Coupler
	rows    ot.Batch
	perm    []int
	stream  noise.Stream
}

// newPairing makes room for pools of n rows; nil for couplings that need none.
func newPairing(c Config, spec flow.Spec, n int) *pairing {
	method, ok := methods[spec.Coupling]
	if !ok {
		return nil
	}
	d := spec.Dim()
	p := &pairing{perm: make([]int, n), rows: ot.Batch{X0: make([]float32, n*d), X1: make([]float32, n*d), Dim: d}}
	p.coupler = ot.Coupler{Method: method, Block: c.block(), Epsilon: c.OT.Epsilon, Ratio: c.OT.Ratio, Random: &p.stream}
	if method == ot.Conditional && spec.Condition.Kind == flow.Labels {
		p.rows.Labels = make([]int64, n)
	}
	if method == ot.Conditional && spec.Condition.Kind == flow.Vector {
		p.rows.Vectors, p.rows.Width = make([]float32, n*spec.Condition.Width), spec.Condition.Width
	}
	return p
}

// couple permutes x0 among the rows of the batches. Conditions must not have been dropped yet.
func (p *pairing) couple(batches []*batch, random noise.Stream) {
	r := p.rows
	for i, b := range batches {
		copy(r.X0[i*len(b.x0):], b.x0)
		copy(r.X1[i*len(b.x1):], b.x1)
		if r.Labels != nil {
			copy(r.Labels[i*len(b.labels):], b.labels)
		}
		if r.Vectors != nil {
			copy(r.Vectors[i*len(b.vectors):], b.vectors)
		}
	}
	p.stream = random
	p.coupler.Couple(p.perm, r)
	for i, j := range p.perm {
		n := len(batches[0].t)
		b, k := batches[i/n], i%n
		copy(b.x0[k*r.Dim:(k+1)*r.Dim], r.X0[j*r.Dim:(j+1)*r.Dim])
	}
}
