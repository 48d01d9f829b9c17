package spec

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
var files embed.FS

// Set is a checked collection of behaviours, in the order of their areas and files.
type Set struct {
	behaviours []Behaviour
	byID       map[string]int
}

// Load returns the behaviours built into the binary. It errs when a file is malformed, a
// field is wrong or an id is given twice; every problem is named. It parses once.
var Load = sync.OnceValues(func() (*Set, error) { return load(files) })

// load reads every *.yaml file of fsys; a file holds the list of behaviours of the area it is named after.
func load(fsys fs.FS) (*Set, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	set := &Set{byID: map[string]int{}}
	var problems []error
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var listed []Behaviour
		if err := yaml.UnmarshalStrict(data, &listed); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			continue
		}
		problems = append(problems, set.add(name, listed)...)
	}
	return set, errors.Join(problems...)
}

// add checks the behaviours of one file and appends them.
func (s *Set) add(file string, listed []Behaviour) (problems []error) {
	area := strings.TrimSuffix(path.Base(file), ".yaml")
	for i, b := range listed {
		at := fmt.Sprintf("%s: entry %d (%s)", file, i+1, b.ID)
		for _, problem := range b.Problems() {
			problems = append(problems, fmt.Errorf("%s: %s", at, problem))
		}
		if b.Area() != area {
			problems = append(problems, fmt.Errorf("%s: belongs to area %q, the file is for %q", at, b.Area(), area))
		}
		if _, taken := s.byID[b.ID]; taken {
			problems = append(problems, fmt.Errorf("%s: the id is given twice", at))
			continue
		}
		s.byID[b.ID] = len(s.behaviours)
		s.behaviours = append(s.behaviours, b)
	}
	return problems
}

// All returns every behaviour, grouped by area in alphabetical order and, within one, as written.
func (s *Set) All() []Behaviour { return slices.Clone(s.behaviours) }

// Lookup finds a behaviour by its id.
func (s *Set) Lookup(id string) (Behaviour, bool) {
	i, found := s.byID[id]
	if !found {
		return Behaviour{}, false
	}
	return s.behaviours[i], true
}

// Areas returns the areas that have behaviours, in alphabetical order.
func (s *Set) Areas() []string {
	var areas []string
	for _, b := range s.behaviours {
		if !slices.Contains(areas, b.Area()) {
			areas = append(areas, b.Area())
		}
	}
	return areas
}

// InArea returns the behaviours of one area, as written.
func (s *Set) InArea(area string) []Behaviour {
	return slices.DeleteFunc(s.All(), func(b Behaviour) bool { return b.Area() != area })
}
