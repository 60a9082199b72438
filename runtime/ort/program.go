//go:build cgo

package ort

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"fmtool/models/tensor"
)

// program is a session with the tensors it was run on.
type program struct {
	session *ort.DynamicAdvancedSession
	in, out []string
	scalars map[int]tensor.DType // outputs of rank 0, which the binding cannot make by itself
	cuda    bool
	long    bool // control flow: one Run may last, and must end when the context does
	ran     bool
	bound   []*binding // most recently used first
	closed  bool
}

// keepBindings is how many sets of tensors stay bound: the stages of a solver with full and last batches, with room to spare.
const keepBindings = 24

// binding is one set of tensors as the library sees them. The Go tensors are held here because the library's values point into their memory.
type binding struct {
	tensors []tensor.Tensor
	values  []value
	io      *ort.IoBinding
	once    bool // holds copies of scalars or tensors without memory: good for one run
}

// value is a tensor for the library. One of rank 0 is a copy, as the binding has scalars with memory of their own only: store brings it back.
type value struct {
	ort.Value
	store func(t tensor.Tensor)
}

// elementTypes are the binding's numbers of the element types.
var elementTypes = map[tensor.DType]ort.TensorElementDataType{
	tensor.Float16: ort.TensorElementDataTypeFloat16, tensor.Float32: ort.TensorElementDataTypeFloat, tensor.Float64: ort.TensorElementDataTypeDouble,
	tensor.Int8: ort.TensorElementDataTypeInt8, tensor.Int16: ort.TensorElementDataTypeInt16, tensor.Int32: ort.TensorElementDataTypeInt32,
	tensor.Int64: ort.TensorElementDataTypeInt64, tensor.Uint8: ort.TensorElementDataTypeUint8, tensor.Uint16: ort.TensorElementDataTypeUint16,
	tensor.Uint32: ort.TensorElementDataTypeUint32, tensor.Uint64: ort.TensorElementDataTypeUint64, tensor.Bool: ort.TensorElementDataTypeBool,
}

// scalarType is the element type of the binding's number, Invalid if the binding has no scalars of it.
func scalarType(n ort.TensorElementDataType) tensor.DType {
	for d := range scalarsOf {
		if elementTypes[d] == n {
			return d
		}
	}
	return tensor.Invalid
}

// Run implements engine.Program.
func (p *program) Run(ctx context.Context, in, out []tensor.Tensor) error {
	if p.closed {
		return errors.New("ort: the program is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(in) != len(p.in) || len(out) != len(p.out) {
		return fmt.Errorf("ort: %d inputs and %d outputs given, the model has %d %v and %d %v", len(in), len(out), len(p.in), p.in, len(p.out), p.out)
	}
	b, err := p.bind(in, out)
	if err != nil || b == nil {
		return err
	}
	if b.once {
		defer b.free()
	}
	if p.cuda && !p.ran {
		keepSignals()
		defer restoreSignals()
	}
	p.ran = true
	if b.io != nil && (len(in) == 0 || !p.long || ctx.Done() == nil) {
		err = p.session.RunWithBinding(b.io)
	} else {
		err = p.runWithOptions(ctx, b)
	}
	goruntime.KeepAlive(b)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("ort: %w", err)
	}
	for i := len(in); i < len(b.tensors); i++ {
		if v := b.values[i]; v.store != nil {
			v.store(b.tensors[i])
		}
	}
	return nil
}

// bind returns the binding of these very tensors; nil if there is nothing to compute because an output is empty.
func (p *program) bind(in, out []tensor.Tensor) (*binding, error) {
	for k, b := range p.bound {
		if b.holds(in, out) {
			copy(p.bound[1:k+1], p.bound[:k])
			p.bound[0] = b
			return b, nil
		}
	}
	b, some := &binding{}, false
	wanted := slices.ContainsFunc(out, func(o tensor.Tensor) bool { return o.Len() > 0 })
	if len(in) == 0 && !wanted {
		return nil, nil
	}
	for i, t := range slices.Concat(in, out) {
		if t.IsZero() && i < len(in) {
			b.free()
			return nil, fmt.Errorf("ort: input %s is absent", p.in[i])
		}
		if d, ok := p.scalars[i-len(in)]; ok && t.IsZero() {
			t = tensor.New(d) // nobody wants it, but a binding of the library's own would need a rank
		}
		if t.IsZero() { // an output nobody wants: the library makes it, runWithOptions frees it
			b.tensors, b.values, some = append(b.tensors, t), append(b.values, value{}), true
			continue
		}
		if t.Len() == 0 { // the library's binding refuses empty memory
			if !wanted {
				b.free()
				return nil, nil // there is nothing to compute
			}
			if i < len(in) {
				b.free()
				return nil, fmt.Errorf("ort: input %s is empty (%v), the outputs are not; the binding has no such tensors", p.in[i], t)
			}
			b.tensors, b.values, b.once = append(b.tensors, t), append(b.values, value{}), true // as one nobody wants
			continue
		}
		v, err := newValue(t)
		if err != nil {
			b.free()
			return nil, fmt.Errorf("ort: %v: %w", t, err)
		}
		b.tensors, b.values, b.once = append(b.tensors, t), append(b.values, v), b.once || t.Rank() == 0
	}
	// The binding's other call panics on a model without inputs.
	if len(in) == 0 || !p.cuda && !some && !b.once {
		if err := p.bindIO(b, len(in)); err != nil {
			b.free()
			return nil, fmt.Errorf("ort: %w", err)
		}
	}
	if b.once {
		return b, nil
	}
	p.bound = slices.Insert(p.bound, 0, b)
	if len(p.bound) > keepBindings {
		p.bound[keepBindings].free()
		p.bound = p.bound[:keepBindings]
	}
	return b, nil
}

// bindIO binds memory once and for all. On a CPU the library reads inputs where they lie; on CUDA it would copy them now, so there it is not used.
func (p *program) bindIO(b *binding, inputs int) (err error) {
	if b.io, err = p.session.CreateIoBinding(); err != nil {
		return err
	}
	for i, v := range b.values {
		if v.Value == nil {
			continue
		}
		if i < inputs {
			err = b.io.BindInput(p.in[i], v.Value)
		} else {
			err = b.io.BindOutput(p.out[i-inputs], v.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holds reports the same memory under the same shapes.
func (b *binding) holds(in, out []tensor.Tensor) bool {
	if len(b.tensors) != len(in)+len(out) {
		return false
	}
	for i, have := range b.tensors {
		t := tensor.Tensor{}
		if i < len(in) {
			t = in[i]
		} else {
			t = out[i-len(in)]
		}
		if t.DType() != have.DType() || !slices.Equal(t.Shape(), have.Shape()) {
			return false
		}
		if !t.IsZero() && (t.Len() == 0 || &t.Memory()[0] != &have.Memory()[0]) {
			return false
		}
	}
	return true
}

func (b *binding) free() {
	if b.io != nil {
		_ = b.io.Destroy()
	}
	for _, v := range b.values {
		if v.Value != nil {
			_ = v.Destroy()
		}
	}
}

// runWithOptions runs so that the end of the context ends the run.
func (p *program) runWithOptions(ctx context.Context, b *binding) error {
	o, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = o.Terminate()
		close(terminated)
	})
	values := make([]ort.Value, len(b.values))
	for i, v := range b.values {
		values[i] = v.Value
	}
	err = p.session.RunWithOptions(values[:len(p.in)], values[len(p.in):], o)
	if !stop() {
		<-terminated // the options must outlive the call that uses them
	}
	for i, v := range b.values {
		if made := values[i]; v.Value == nil && made != nil {
			if t := b.tensors[i]; !t.IsZero() && !made.GetShape().Equals(shapeOf(t)) {
				err = errors.Join(err, fmt.Errorf("output %s is %v, given %v", p.out[i-len(p.in)], made.GetShape(), t))
			}
			err = errors.Join(err, made.Destroy())
		}
	}
	return errors.Join(err, o.Destroy())
}

// Close frees the session and what is bound to it.
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	for _, b := range p.bound {
		b.free()
	}
	p.bound = nil
	return p.session.Destroy()
}

func newValue(t tensor.Tensor) (value, error) {
	if t.Rank() == 0 {
		return newScalar(t)
	}
	v, err := ort.NewCustomDataTensor(shapeOf(t), t.Memory(), elementTypes[t.DType()])
	if err != nil {
		return value{}, err
	}
	return value{Value: v}, nil
}

func shapeOf(t tensor.Tensor) ort.Shape {
	shape := make(ort.Shape, t.Rank())
	for i, n := range t.Shape() {
		shape[i] = int64(n)
	}
	return shape
}

// scalarsOf are the types that the binding has scalars of.
var scalarsOf = map[tensor.DType]func(t tensor.Tensor) (value, error){
	tensor.Float32: scalarOf[float32], tensor.Float64: scalarOf[float64], tensor.Int32: scalarOf[int32], tensor.Int64: scalarOf[int64],
	tensor.Uint32: scalarOf[uint32], tensor.Uint64: scalarOf[uint64],
}

func newScalar(t tensor.Tensor) (value, error) {
	if f := scalarsOf[t.DType()]; f != nil {
		return f(t)
	}
	return value{}, fmt.Errorf("no scalars of this type; give a vector of one")
}

func scalarOf[T interface {
	float32 | float64 | int32 | int64 | uint32 | uint64
}](t tensor.Tensor) (value, error) {
	s, err := ort.NewScalar(tensor.Data[T](t)[0])
	if err != nil {
		return value{}, err
	}
	return value{s, func(t tensor.Tensor) { tensor.Data[T](t)[0] = s.GetData() }}, nil
}
