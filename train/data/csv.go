package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"fmtool/models/flow"
	"fmtool/testdata"
)

// sizeLimit is the largest file that is read after decompression, in bytes.
const sizeLimit = 8 << 30

// ReadCSV reads a table with a header line, gzipped or not. Data columns hold numbers; a label column holds names or numbers, which become
// classes in the order numbers, else alphabet. Errors name line and column; a first line of numbers is one, unless it counts the columns or
// the options name some.
func ReadCSV(b []byte, o Options) (*Set, error) {
	in, err := plain(b)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	header = slices.Clone(header)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	if o.Label == "" && len(o.Condition)+len(o.Columns) == 0 && numbersOnly(header) {
		return nil, fmt.Errorf("line 1 holds numbers (%.40s), want the names of the columns; put a line such as x1,x2 before it, or name the columns with --columns",
			strings.Join(header, ","))
	}
	label, given, columns, err := choose(header, o)
	if err != nil {
		return nil, err
	}
	s := &Set{Dims: []int{len(columns)}}
	for _, c := range given {
		s.Given = append(s.Given, header[c])
	}
	for _, c := range columns {
		s.Columns = append(s.Columns, header[c])
	}
	var names []string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, ragged(err, len(header))
		}
		line, _ := r.FieldPos(0)
		for i, c := range slices.Concat(columns, given) {
			v, err := number(record[c])
			if err != nil {
				return nil, fmt.Errorf("line %d, column %q: %w", line, header[c], err)
			}
			if i < len(columns) {
				s.Rows = append(s.Rows, v)
			} else {
				s.Vectors = append(s.Vectors, v)
			}
		}
		if label >= 0 {
			name := strings.TrimSpace(record[label])
			if name == "" {
				return nil, fmt.Errorf("line %d, column %q: the label is empty", line, header[label])
			}
			names = append(names, name)
		}
	}
	if label >= 0 {
		s.classify(names)
	}
	return s.check()
}

// byteOrderMark is what spreadsheets write before UTF-8.
const byteOrderMark = "\ufeff"

// plain is the text of a file without its byte-order mark, unpacked if it is gzipped.
func plain(b []byte) (io.Reader, error) {
	text, err := unpacked(b)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(text)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, err = in.Discard(len(mark))
	}
	return in, err // what cannot be read shows when it is read
}

func unpacked(b []byte) (io.Reader, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return bytes.NewReader(b), nil
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return &bounded{z, sizeLimit}, nil
}

// bounded reads r up to left bytes. More is an error: a table that merely ended there would lose its last rows in silence.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the file unpacks to more than %d GiB; cut it, or give it as .npy", sizeLimit>>30)
	}
	return n, err
}

// ragged puts the csv package's word about a line of the wrong length plainly.
func ragged(err error, want int) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) && errors.Is(parse.Err, csv.ErrFieldCount) {
		return fmt.Errorf("line %d: not the %d fields of the header", parse.Line, want)
	}
	return err
}

// number reads one field.
func number(field string) (float32, error) {
	text := strings.TrimSpace(field)
	if text == "" {
		return 0, errors.New("the field is empty, want a number")
	}
	v, err := strconv.ParseFloat(text, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%.40q is not a number; choose the columns with --columns", text)
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%.40s is not a finite number", text)
	}
	return float32(v), nil
}

// numbersOnly reports that the header looks like the first row of a table without one. Columns that are merely counted, 0, 1, 2, … or 2001, 2002, …,
// as some writers name them, are names.
func numbersOnly(header []string) bool {
	counted, before := true, 0.0
	for i, name := range header {
		v, err := strconv.ParseFloat(name, 64)
		if err != nil {
			return false
		}
		if i == 0 {
			counted = len(header) > 1 || v == 0
		} else {
			counted = counted && v == before+1
		}
		counted, before = counted && v == math.Trunc(v), v
	}
	return !counted
}

// choose finds label, condition and data columns in the header; label is −1 if there is none.
func choose(header []string, o Options) (label int, given, columns []int, err error) {
	label = -1
	find := func(name string) (int, error) {
		if i := slices.Index(header, name); i >= 0 {
			return i, nil
		}
		return 0, flow.Unknown("column", name, header)
	}
	if o.Label != "" {
		if len(o.Condition) > 0 {
			return 0, nil, nil, errors.New("a label and condition columns exclude each other")
		}
		if label, err = find(o.Label); err != nil {
			return 0, nil, nil, err
		}
	}
	taken := func(c int) bool { return c == label || slices.Contains(given, c) || slices.Contains(columns, c) }
	for i, name := range slices.Concat(o.Condition, o.Columns) {
		c, err := find(name)
		if err != nil {
			return 0, nil, nil, err
		}
		if taken(c) {
			return 0, nil, nil, fmt.Errorf("column %q is asked for twice", name)
		}
		if i < len(o.Condition) {
			given = append(given, c)
		} else {
			columns = append(columns, c)
		}
	}
	if len(o.Columns) == 0 {
		for i := range header {
			if !taken(i) {
				columns = append(columns, i)
			}
		}
	}
	if len(columns) == 0 {
		return 0, nil, nil, errors.New("no data column is left beside label and condition")
	}
	return label, given, columns, nil
}

// classify numbers the different names: as numbers if all are, else in alphabetic order.
func (s *Set) classify(names []string) {
	s.Classes = slices.Clone(names)
	slices.Sort(s.Classes)
	s.Classes = slices.Compact(s.Classes)
	value := func(name string) (float64, bool) {
		v, err := strconv.ParseFloat(name, 64)
		return v, err == nil && v == v
	}
	if !slices.ContainsFunc(s.Classes, func(n string) bool { _, ok := value(n); return !ok }) {
		slices.SortStableFunc(s.Classes, func(a, b string) int {
			x, _ := value(a)
			y, _ := value(b)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	}
	index := map[string]int64{}
	for i, n := range s.Classes {
		index[n] = int64(i)
	}
	for _, n := range names {
		s.Labels = append(s.Labels, index[n])
	}
}

// WriteCSV writes rows with a header, numbers in the shortest text that gives the same float32. labels, if any, become a last column "label".
func WriteCSV(w io.Writer, s *Set) error {
	out := bufio.NewWriter(w)
	c := csv.NewWriter(out)
	header := slices.Clone(s.Columns)
	for j := len(header); j < s.Dim(); j++ {
		header = append(header, "x"+strconv.Itoa(j+1))
	}
	if s.Labels != nil {
		header = append(header, "label")
	}
	if err := c.Write(header); err != nil {
		return err
	}
	record := make([]string, len(header))
	for i := range s.Len() {
		for j, v := range s.Row(i) {
			record[j] = strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		if s.Labels != nil {
			record[len(record)-1] = s.class(s.Labels[i])
		}
		if err := c.Write(record); err != nil {
			return err
		}
	}
	c.Flush()
	return errors.Join(c.Error(), out.Flush())
}

func (s *Set) class(k int64) string {
	if int(k) < len(s.Classes) {
		return s.Classes[k]
	}
	return strconv.FormatInt(k, 10)
}

// Digits is the built-in set: 1,797 handwritten digits, images [1 8 8] with pixels from 0 to 16 and the digit as label.
func Digits() (*Set, error) {
	in, err := plain(testdata.Digits)
	if err != nil {
		return nil, err
	}
	records, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, err
	}
	s := &Set{Dims: []int{1, 8, 8}}
	var names []string
	for _, r := range records {
		for _, field := range r[:64] {
			v, err := number(field)
			if err != nil {
				return nil, err
			}
			s.Rows = append(s.Rows, v)
		}
		names = append(names, strings.TrimSuffix(r[64], ".0"))
	}
	s.classify(names)
	return s.check()
}
