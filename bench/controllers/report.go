package controllers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run found.
type Report struct {
	Objects  int `json:"objects"`
	Replicas int `json:"replicas"`
	Nodes    int `json:"nodes"`
	// PlainPerSecond is how many ConfigMaps the clients create a second, which nobody reacts to.
	PlainPerSecond float64  `json:"plainPerSecond"`
	Kinds          []Result `json:"kinds"`
}

// Result is what was found of one kind of objects.
type Result struct {
	Kind   string  `json:"kind"`
	Phases []Phase `json:"phases"`
	Rest   Rest    `json:"rest"`
}

// Phase is one change of all objects.
type Phase struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
	// Writes are the requests that change something, Minimum how many the change needs, and Needs why, for each object.
	Writes  int     `json:"writes"`
	Minimum int     `json:"minimum"`
	Ratio   float64 `json:"ratio"`
	Needs   []need  `json:"needs"`
	// Events and Reads are the other requests; Refused are those of all that were answered by an error.
	Events  int `json:"events"`
	Reads   int `json:"reads"`
	Refused int `json:"refused"`
	// CPU is the processor time of each process, if it is known.
	CPU   map[string]time.Duration `json:"cpu,omitempty"`
	Calls []Call                   `json:"calls"`

	calls calls
}

// Call is a kind of request and how many there were.
type Call struct {
	call
	Count int `json:"count"`
}

// Rest is what happens when there is nothing to do.
type Rest struct {
	Took   time.Duration            `json:"took"`
	CPU    map[string]time.Duration `json:"cpu,omitempty"`
	Memory map[string]int64         `json:"memory,omitempty"`
	// Writes are those other than the renewal of Leases.
	Writes int    `json:"writes"`
	Calls  []Call `json:"calls,omitempty"`

	calls calls
}

func (p *Phase) sum() {
	p.Writes = p.calls.sum(call.writes)
	p.Events = p.calls.sum(call.isEvent)
	p.Reads = p.calls.sum(func(call) bool { return true }) - p.Writes - p.Events
	p.Ratio = float64(p.Writes) / float64(p.Minimum)
	p.Calls = p.calls.list()
}

// list is every kind of request, in order.
func (c calls) list() []Call {
	var list []Call
	for one, count := range c {
		list = append(list, Call{one, count})
	}
	slices.SortFunc(list, func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Component, b.Component))
	})
	return list
}

// WriteJSON writes everything that was counted.
func (r *Report) WriteJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Print writes the tables.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	n := float64(r.Objects)
	fmt.Fprintf(out, "%d objects of each kind, of %d pods, on %d nodes. Counts are requests for each object.\n\n", r.Objects, r.Replicas, r.Nodes)
	fmt.Fprintln(w, "KIND\tCHANGE\tTIME\tWRITES\tNEEDED\tRATIO\tEVENTS\tREADS\tREFUSED\tWRITES/S\tOF PLAIN\tCPU\t")
	for _, k := range r.Kinds {
		for _, p := range k.Phases {
			perSecond := float64(p.Writes) / p.Took.Seconds()
			var cpu time.Duration
			for _, one := range p.CPU {
				cpu += one
			}
			fmt.Fprintf(w, "%s\t%s\t%v\t%.2f\t%.2f\t×%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f%%\t%v\t\n", k.Kind, p.Name, p.Took.Round(100*time.Millisecond),
				float64(p.Writes)/n, float64(p.Minimum)/n, p.Ratio, float64(p.Events)/n, float64(p.Reads)/n, float64(p.Refused)/n,
				perSecond, 100*perSecond/r.PlainPerSecond, (cpu / time.Duration(r.Objects)).Round(10*time.Microsecond))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, k := range r.Kinds {
		for _, p := range k.Phases {
			if err := p.print(out, k.Kind, n); err != nil {
				return err
			}
		}
	}
	return r.printRest(out)
}

// print sets what was written beside what was needed.
func (p *Phase) print(out io.Writer, kind string, objects float64) error {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "%s, %s\tREQUEST\tBY\tWRITES\tNEEDED\n", kind, p.Name)
	for _, row := range p.rows() {
		needed := "-"
		if row.needed > 0 {
			needed = fmt.Sprintf("%d", row.needed)
		}
		fmt.Fprintf(w, "\t%s %s\t%s\t%.2f\t%s\n", row.verb, row.resource, row.by, float64(row.count)/objects, needed)
	}
	return w.Flush()
}

type row struct {
	verb, resource, by string
	count, needed      int
}

// rows are the kinds of writes, with those who make them, and what is needed of each.
func (p *Phase) rows() []row {
	var rows []row
	find := func(verb, resource string) *row {
		for i := range rows {
			if rows[i].verb == verb && rows[i].resource == resource {
				return &rows[i]
			}
		}
		rows = append(rows, row{verb: verb, resource: resource})
		return &rows[len(rows)-1]
	}
	for _, one := range p.Needs {
		find(one.Verb, one.Resource).needed += one.Count
	}
	for _, one := range p.Calls {
		if !one.writes() {
			continue
		}
		r := find(one.kind())
		r.count += one.Count
		if r.by != "" {
			r.by += ", "
		}
		r.by += one.Component
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.resource, b.resource), cmp.Compare(a.verb, b.verb)) })
	return rows
}

// printRest writes what nothing costs, while the objects of a kind are there.
func (r *Report) printRest(out io.Writer) error {
	if len(r.Kinds) == 0 || r.Kinds[0].Rest.Took == 0 {
		return nil
	}
	processes := slices.Sorted(maps.Keys(r.Kinds[0].Rest.CPU))
	fmt.Fprintf(out, "\nAt rest for %v, once all had been created: writes beside the Leases', and of each process the share of a core and the memory.\n",
		r.Kinds[0].Rest.Took.Round(time.Second))
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "KIND\tWRITES\t")
	for _, name := range processes {
		fmt.Fprintf(w, "%s\t", strings.ToUpper(name))
	}
	for _, k := range r.Kinds {
		fmt.Fprintf(w, "\n%s\t%d\t", k.Kind, k.Rest.Writes)
		for _, name := range processes {
			fmt.Fprintf(w, "%.1f%%, %d MiB\t", 100*k.Rest.CPU[name].Seconds()/k.Rest.Took.Seconds(), k.Rest.Memory[name]>>20)
		}
	}
	fmt.Fprintln(w)
	return w.Flush()
}
