// Package report tells how a run came out: a table for people, and files for machines.
//
// The report follows the Gateway API's ConformanceReport: profiles with statistics, a result
// that is success, partial or failure, and for everything skipped the reason.
package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/etalon-dev/etalon/conformance/runner"
	"github.com/etalon-dev/etalon/spec"
)

// Result sums up a profile or a run.
type Result string

const (
	// Success: every behaviour passed.
	Success Result = "success"
	// Partial: none failed, but some were skipped or did not run.
	Partial Result = "partial"
	// Failure: at least one failed.
	Failure Result = "failure"
)

// Report is what a run found.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Date       time.Time `json:"date"`
	// Implementation is the cluster that was judged, as its /version tells.
	Implementation Implementation `json:"implementation"`
	// Suite is the version of the program that judged.
	Suite    string    `json:"suite"`
	Duration string    `json:"duration"`
	Result   Result    `json:"result"`
	Profiles []Profile `json:"profiles"`
	Areas    []Area    `json:"areas"`
}

// Implementation names what was judged.
type Implementation struct {
	Version  string `json:"version"`
	Platform string `json:"platform,omitempty"`
	Nodes    int    `json:"nodes,omitempty"`
}

// Statistics count behaviours by how they came out.
type Statistics struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	NotRun  int `json:"notRun"`
}

// Profile is the judgement over the behaviours of one level: core (must) or extended (should).
type Profile struct {
	Name       string     `json:"name"`
	Result     Result     `json:"result"`
	Statistics Statistics `json:"statistics"`
	Failed     []Entry    `json:"failed,omitempty"`
	Skipped    []Entry    `json:"skipped,omitempty"`
	NotRun     []Entry    `json:"notRun,omitempty"`
}

// Entry is one behaviour and why it did not pass.
type Entry struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// Area is the judgement over one area, with every behaviour.
type Area struct {
	Name       string      `json:"name"`
	Statistics Statistics  `json:"statistics"`
	Duration   string      `json:"duration"`
	Behaviours []Behaviour `json:"behaviours,omitempty"`
}

// Behaviour is how one behaviour came out.
type Behaviour struct {
	ID        string       `json:"id"`
	Title     string       `json:"title"`
	Level     spec.Level   `json:"level"`
	Component string       `json:"component"`
	State     runner.State `json:"state"`
	Seconds   float64      `json:"seconds"`
	Message   string       `json:"message,omitempty"`
	Where     string       `json:"where,omitempty"`
	Details   string       `json:"details,omitempty"`
}

// Make sums up the outcomes of a run that took so long. Behaviours that set does not know keep their id as title.
func Make(set *spec.Set, outcomes []runner.Outcome, about Implementation, suite string, date time.Time, took time.Duration) *Report {
	r := &Report{
		APIVersion: "conformance.etalon.dev/v1alpha1", Kind: "ConformanceReport", Date: date.UTC().Truncate(time.Second),
		Implementation: about, Suite: suite, Duration: took.Round(100 * time.Millisecond).String(),
	}
	profiles := map[string]*Profile{}
	areas := map[string]*Area{}
	spent := map[string]time.Duration{}
	var all Statistics
	for _, o := range outcomes {
		b, known := set.Lookup(o.ID)
		if !known {
			b = spec.Behaviour{ID: o.ID, Title: o.ID, Level: spec.Must}
		}
		profile := entry(profiles, b.Profile(), func() *Profile { return &Profile{Name: b.Profile()} })
		area := entry(areas, b.Area(), func() *Area { return &Area{Name: b.Area()} })
		profile.add(o)
		area.Statistics.add(o.State)
		all.add(o.State)
		spent[area.Name] += o.Duration
		area.Behaviours = append(area.Behaviours, Behaviour{
			ID: o.ID, Title: b.Title, Level: b.Level, Component: b.Component, State: o.State,
			Seconds: o.Duration.Round(time.Millisecond).Seconds(), Message: o.Message, Where: o.Where, Details: o.Details,
		})
	}
	r.Result = all.result()
	for _, p := range profiles {
		p.Result = p.Statistics.result()
		r.Profiles = append(r.Profiles, *p)
	}
	for _, a := range areas {
		a.Duration = spent[a.Name].Round(100 * time.Millisecond).String()
		r.Areas = append(r.Areas, *a)
	}
	slices.SortFunc(r.Profiles, func(a, b Profile) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Areas, func(a, b Area) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

func entry[T any](m map[string]*T, key string, make func() *T) *T {
	if _, known := m[key]; !known {
		m[key] = make()
	}
	return m[key]
}

func (p *Profile) add(o runner.Outcome) {
	p.Statistics.add(o.State)
	e := Entry{ID: o.ID, Reason: o.Message}
	switch o.State {
	case runner.Failed:
		p.Failed = append(p.Failed, e)
	case runner.Skipped:
		p.Skipped = append(p.Skipped, e)
	case runner.NotRun:
		p.NotRun = append(p.NotRun, e)
	}
}

func (s *Statistics) add(state runner.State) {
	switch state {
	case runner.Passed:
		s.Passed++
	case runner.Failed:
		s.Failed++
	case runner.Skipped:
		s.Skipped++
	default:
		s.NotRun++
	}
}

// Total is the number of behaviours counted.
func (s Statistics) Total() int { return s.Passed + s.Failed + s.Skipped + s.NotRun }

// result: a failure outweighs everything; nothing skipped or left out is ever success.
func (s Statistics) result() Result {
	switch {
	case s.Failed > 0:
		return Failure
	case s.Skipped > 0 || s.NotRun > 0 || s.Passed == 0:
		return Partial
	}
	return Success
}

// Statistics sums over all areas.
func (r *Report) Statistics() Statistics {
	var all Statistics
	for _, a := range r.Areas {
		all.Passed += a.Statistics.Passed
		all.Failed += a.Statistics.Failed
		all.Skipped += a.Statistics.Skipped
		all.NotRun += a.Statistics.NotRun
	}
	return all
}

// each calls do for every behaviour, area by area.
func (r *Report) each(do func(Behaviour)) {
	for _, a := range r.Areas {
		for _, b := range a.Behaviours {
			do(b)
		}
	}
}
