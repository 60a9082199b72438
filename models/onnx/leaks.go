package onnx

import (
	"fmt"
	"regexp"
	"strings"
)

// Paths of somebody's machine. In names of nodes and values a slash separates layers, so there only the folders of users count.
var (
	anyPath = regexp.MustCompile(`(?:^|[\s"'=(\[{:,;<])((?:/(?:home|Users|root|tmp|var|opt|usr|mnt|media|data|srv|private|workspace|workspaces|scratch|nfs|gpfs|` +
		`lustre|content|kaggle)/` +
		`[^\s"',;:()<>\[\]{}]+)|(?:[A-Za-z]:\\[^\s"',;()<>]+)|(?:\\\\[A-Za-z0-9._-]+\\[^\s"',;()<>]+)|(?:file://[^\s"',;()<>]+))`)
	userPath = regexp.MustCompile(`((?:/(?:home|Users)/[^\s"',;:()<>]+)|(?:[A-Za-z]:\\[^\s"',;()<>]+))`)
	userName = regexp.MustCompile(`(?:/home/|/Users/|[A-Za-z]:\\Users\\)([^/\\\s"',;:()<>]+)`)
)

// maxScanned bounds the text of one field that is looked through.
const maxScanned = 1 << 16

// found is what one kind of place gives away.
type found struct {
	place, path string // the first
	more        int
}

type leakScan struct {
	places []string
	kinds  map[string]*found
	users  map[string]bool
}

// look searches a text for paths; kind is where it stands in the file.
func (l *leakScan) look(kind, place, text string, paths *regexp.Regexp) {
	if text = text[:min(len(text), maxScanned)]; !strings.ContainsAny(text, `/\`) {
		return
	}
	for _, hit := range paths.FindAllStringSubmatch(text, 100) {
		path := hit[1]
		if f := l.kinds[kind]; f == nil {
			l.kinds[kind] = &found{place: short(place), path: short(path)}
			l.places = append(l.places, kind)
		} else {
			f.more++
		}
		if user := userName.FindStringSubmatch(path); user != nil && len(l.users) < 100 {
			l.users[short(user[1])] = true
		}
	}
}

func (l *leakScan) pairs(kind, place string, list []*StringStringEntry) {
	for _, e := range list {
		l.look(kind, strings.TrimSpace(place+" "+e.Key), e.Value, anyPath)
	}
}

// leaks tells of absolute paths and user names that stand in the file.
func (m *Model) leaks() (list []string) {
	l := &leakScan{kinds: map[string]*found{}, users: map[string]bool{}}
	l.look("producer", "", m.ProducerName+" "+m.ProducerVersion+" "+m.Domain, anyPath)
	l.look("doc string", "model", m.DocString, anyPath)
	l.pairs("metadata", "", m.MetadataProps)
	m.eachGraph(func(g *Graph) {
		l.look("doc string", "graph "+g.Name, g.DocString, anyPath)
		l.look("name", "graph", g.Name, anyPath)
		l.pairs("metadata of graphs", g.Name, g.MetadataProps)
		for _, values := range [][]*ValueInfo{g.Input, g.Output, g.ValueInfo} {
			for _, v := range values {
				l.look("doc string", "value "+v.Name, v.DocString, anyPath)
				l.look("name", "value", v.Name, userPath)
				l.pairs("metadata of values", v.Name, v.MetadataProps)
			}
		}
	})
	m.eachNode(func(n *Node) {
		l.look("doc string", "node "+n.Name, n.DocString, anyPath)
		l.look("name", "node", n.Name, userPath)
		l.pairs("metadata of nodes", n.Name, n.MetadataProps)
	})
	m.eachTensor(func(t *Tensor) {
		l.look("doc string", "tensor "+t.Name, t.DocString, anyPath)
		l.look("name", "tensor", t.Name, userPath)
		l.pairs("data outside", t.Name, t.ExternalData)
	})
	for _, f := range m.Functions {
		l.look("doc string", "function "+f.Name, f.DocString, anyPath)
		l.pairs("metadata of functions", f.Name, f.MetadataProps)
	}
	for _, kind := range l.places {
		f := l.kinds[kind]
		text := fmt.Sprintf("a path of somebody's machine in a %s (%s): %s", kind, strings.TrimSpace(f.place), f.path)
		if f.more > 0 {
			text += fmt.Sprintf(", and %d more", f.more)
		}
		list = append(list, text)
	}
	if len(l.users) > 0 {
		list = append(list, "the name of a user: "+some(l.users))
	}
	return list
}
