package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/conformance/runner"
)

// Write puts junit.xml, report.json and report.yaml into dir, which it makes where it is missing.
// The YAML is the short form: it leaves out the behaviours one by one, as profiles name what did not pass.
func (r *Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	full, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	short := *r
	short.Areas = make([]Area, len(r.Areas))
	for i, a := range r.Areas {
		a.Behaviours = nil
		short.Areas[i] = a
	}
	brief, err := yaml.Marshal(short)
	if err != nil {
		return err
	}
	junit, err := r.junit()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"report.json": append(full, '\n'), "report.yaml": brief, "junit.xml": junit} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Tests   int          `xml:"tests,attr"`
	Failed  int          `xml:"failures,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name    string      `xml:"name,attr"`
	Tests   int         `xml:"tests,attr"`
	Failed  int         `xml:"failures,attr"`
	Skipped int         `xml:"skipped,attr"`
	Time    float64     `xml:"time,attr"`
	Cases   []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Time    float64      `xml:"time,attr"`
	Failure *junitDetail `xml:"failure"`
	Skipped *junitDetail `xml:"skipped"`
}

type junitDetail struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// junit writes one test suite per area and one test case per behaviour; what did not run counts as skipped there.
func (r *Report) junit() ([]byte, error) {
	all := r.Statistics()
	root := junitSuites{Name: "etalon conformance", Tests: all.Total(), Failed: all.Failed}
	for _, a := range r.Areas {
		suite := junitSuite{Name: a.Name, Tests: a.Statistics.Total(), Failed: a.Statistics.Failed, Skipped: a.Statistics.Skipped + a.Statistics.NotRun}
		for _, b := range a.Behaviours {
			suite.Time += b.Seconds
			suite.Cases = append(suite.Cases, caseOf(a.Name, b))
		}
		root.Suites = append(root.Suites, suite)
	}
	data, err := xml.MarshalIndent(root, "", "  ")
	return append([]byte(xml.Header), append(data, '\n')...), err
}

func caseOf(area string, b Behaviour) junitCase {
	c := junitCase{Class: area, Name: b.ID + ": " + b.Title, Time: b.Seconds}
	switch b.State {
	case runner.Failed:
		first, _, _ := strings.Cut(b.Message, "\n")
		c.Failure = &junitDetail{Message: first, Text: strings.Join([]string{b.Where, b.Message, b.Details}, "\n")}
	case runner.Skipped:
		c.Skipped = &junitDetail{Message: b.Message}
	case runner.NotRun:
		c.Skipped = &junitDetail{Message: "not run: " + b.Message}
	}
	return c
}
