package export

import (
	"bytes"
	"fmt"

	"fmtool/models/onnx"
)

// Split cuts a file into a model and the file of its weights beside it, called name, for models beyond onnx.MaxInside and whoever wants the weights apart. The two are
// put together again and compared with the file, whose bytes were checked on the engines.
func Split(file []byte, name string) (model, data []byte, err error) {
	m, err := onnx.Unmarshal(file)
	if err != nil {
		return nil, nil, err
	}
	if data, err = m.Split(name); err != nil {
		return nil, nil, err
	}
	model = m.Marshal()
	back, err := Joined(model, func(string) ([]byte, error) { return data, nil })
	if err == nil && !bytes.Equal(back, file) {
		err = fmt.Errorf("export: model and weights together are not the file that was checked; nothing is exported")
	}
	return model, data, err
}

// Joined is the file with the numbers inside that it has in one beside it, which read is asked for; the file itself if it has none.
func Joined(model []byte, read func(name string) ([]byte, error)) ([]byte, error) {
	m, err := onnx.Unmarshal(model)
	if err != nil {
		return model, nil // whoever opens it says what it is
	}
	name, err := m.Sidecar()
	if name == "" || err != nil {
		return model, err
	}
	data, err := read(name)
	if err == nil {
		err = m.Join(data)
	}
	if err != nil {
		return nil, err
	}
	return m.Marshal(), nil
}
