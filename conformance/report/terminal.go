package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/etalon-dev/etalon/conformance/runner"
)

// Print writes what failed, explained, then the table by area, what was skipped and why, and the result.
func (r *Report) Print(w io.Writer) error {
	r.printFailures(w)
	fmt.Fprintln(w)
	if err := r.printTable(w); err != nil {
		return err
	}
	r.printReasons(w, runner.Skipped, "Skipped")
	r.printReasons(w, runner.NotRun, "Not run")
	all := r.Statistics()
	_, err := fmt.Fprintf(w, "\n%s: %d of %d behaviours passed on Kubernetes %s in %s\n",
		strings.ToUpper(string(r.Result)), all.Passed, all.Total(), r.Implementation.Version, r.Duration)
	return err
}

func (r *Report) printFailures(w io.Writer) {
	r.each(func(b Behaviour) {
		if b.State != runner.Failed {
			return
		}
		fmt.Fprintf(w, "\n✗ %s\n  %s\n", b.ID, b.Title)
		if b.Where != "" {
			fmt.Fprintf(w, "  at %s\n", b.Where)
		}
		fmt.Fprintf(w, "\n%s\n", indent(b.Message, "    "))
		if b.Details != "" {
			fmt.Fprintf(w, "\n%s\n", indent(b.Details, "    "))
		}
		fmt.Fprintf(w, "  again: etalon conformance --focus %s\n", b.ID)
	})
}

func (r *Report) printTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "AREA\tPASSED\tFAILED\tSKIPPED\tNOT RUN\tTIME\t")
	row := func(name string, s Statistics, took string) {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%s\t\n", name, s.Passed, s.Failed, s.Skipped, s.NotRun, took)
	}
	for _, a := range r.Areas {
		row(a.Name, a.Statistics, a.Duration)
	}
	row("all", r.Statistics(), r.Duration)
	return tw.Flush()
}

// printReasons groups the behaviours of a state by the reason, so that one missing need is told once.
func (r *Report) printReasons(w io.Writer, state runner.State, heading string) {
	var reasons []string
	ids := map[string][]string{}
	r.each(func(b Behaviour) {
		if b.State != state {
			return
		}
		if _, known := ids[b.Message]; !known {
			reasons = append(reasons, b.Message)
		}
		ids[b.Message] = append(ids[b.Message], b.ID)
	})
	if len(reasons) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", heading)
	for _, reason := range reasons {
		named := ids[reason]
		if len(named) > 6 {
			named = append(named[:5:5], fmt.Sprintf("and %d more", len(named)-5))
		}
		fmt.Fprintf(w, "  %s\n    %s\n", reason, strings.Join(named, ", "))
	}
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}
