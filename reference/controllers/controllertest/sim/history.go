package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Of a long history a failed world shows this much of its beginning and its end.
const (
	longestHead = 120
	longestTail = 80
)

// row is one thing that happened: a write, accepted or not, an event, or
// something that befell the world.
type row struct {
	Write
	text string // instead of the change
	deed bool   // of a controller, though nothing was written: an event, a write that was refused
}

func (w *World) record(r row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, r)
}

func (w *World) note(actor, verb, text string) {
	w.record(row{Write: Write{At: time.Now(), Actor: actor, Verb: verb}, text: text})
}

// refused notes a write of which the client was told that it failed.
func (w *World) refused(actor string, req *request, err error, f fate) {
	if actor == User {
		return
	}
	text := "refused: " + err.Error()
	if f.lost != nil {
		text = "(the answer to this was lost)"
	}
	verb := strings.ToLower(req.Method)
	if req.subresource != "" {
		verb += "/" + req.subresource
	}
	w.record(row{
		Write: Write{At: time.Now(), Actor: actor, Verb: verb, Kind: kinds[req.resource].Kind, Key: req.key}, text: text, deed: true,
	})
}

// unrest are the deeds of the controllers that the scenario does not expect of
// a world at rest.
func (w *World) unrest() []row {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []row
	for _, r := range w.history {
		_, controller := w.scenario.Controllers[r.Actor]
		if controller && (w.scenario.Steady == nil || !w.scenario.Steady(r.Write)) {
			found = append(found, r)
		}
	}
	return found
}

// Writes are the writes that were accepted so far, in their order.
func (w *World) Writes() []Write {
	w.mu.Lock()
	defer w.mu.Unlock()
	var writes []Write
	for _, r := range w.history {
		if r.text == "" {
			writes = append(writes, r.Write)
		}
	}
	return writes
}

// Refused are the writes of controllers that were answered by an error, as "actor
// verb Kind name: error".
func (w *World) Refused() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var refused []string
	for _, r := range w.history {
		if text, ok := strings.CutPrefix(r.text, "refused: "); ok && r.deed {
			refused = append(refused, fmt.Sprintf("%s %s %s %s: %s", r.Actor, r.Verb, r.Kind, r.Key.Name, text))
		}
	}
	return refused
}

// Events are the events that controllers recorded, as "Type Reason message".
func (w *World) Events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var events []string
	for _, r := range w.history {
		if r.Verb == "event" {
			events = append(events, r.text)
		}
	}
	return events
}

// History is what has happened, as a table.
func (w *World) History() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	skipped := len(w.history) - longestHead - longestTail
	for i, r := range w.history {
		if i == longestHead && skipped > 0 {
			fmt.Fprintf(&b, "… %d rows left out …\n", skipped)
		}
		if i >= longestHead && i < longestHead+skipped {
			continue
		}
		b.WriteString(r.line(w.start))
		b.WriteByte('\n')
	}
	return b.String()
}

func (r row) line(start time.Time) string {
	text := r.text
	if text == "" && r.Kind != "" {
		text = difference(r.Write)
	}
	return fmt.Sprintf("%10.3fs %-12s %-13s %-12s %-24s %s", r.At.Sub(start).Seconds(), r.Actor, r.Verb, r.Kind, r.Key.Name, text)
}

// difference tells what a write has changed.
func difference(write Write) string {
	if write.Needless {
		return "NEEDLESS: nothing changed"
	}
	before, after := flat(write.Before), flat(write.After)
	if write.After == nil {
		return "gone"
	}
	var parts []string
	paths := slices.Sorted(maps.Keys(merge(before, after)))
	for _, path := range paths {
		old, now := before[path], after[path]
		switch {
		case old == now:
		case write.Before == nil && !strings.HasPrefix(path, "spec.replicas") && !strings.HasPrefix(path, "status") && !strings.HasPrefix(path, "metadata.labels"):
		case old == "":
			parts = append(parts, path+"="+now)
		default:
			parts = append(parts, fmt.Sprintf("%s %s→%s", path, old, now))
		}
	}
	text := strings.Join(parts, ", ")
	if len(text) > 400 {
		text = text[:400] + "…"
	}
	return text
}

func merge(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// flat are the values of an object by their paths.
func flat(obj Object) map[string]string {
	values := map[string]string{}
	if obj == nil {
		return values
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return values
	}
	flatten("", content, values)
	delete(values, "metadata.resourceVersion")
	return values
}

func flatten(path string, value any, into map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			next := key
			if path != "" {
				next = path + "." + key
			}
			flatten(next, v, into)
		}
	case []any:
		for i, v := range value {
			name := fmt.Sprint(i)
			if m, ok := v.(map[string]any); ok && m["type"] != nil {
				name = fmt.Sprint(m["type"])
			}
			flatten(path+"["+name+"]", v, into)
		}
	case nil:
	default:
		if !strings.HasSuffix(path, "Time") {
			text, _ := json.Marshal(value)
			into[path] = string(text)
		}
	}
}

// recorder puts a controller's events into the history.
type recorder struct {
	w     *World
	actor string
}

func (r *recorder) Event(object runtime.Object, kind, reason, message string) {
	write := Write{At: time.Now(), Actor: r.actor, Verb: "event"}
	if obj, ok := object.(Object); ok {
		write.Kind, write.Key = kinds[resourceOf(object)].Kind, types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
	}
	r.w.record(row{Write: write, text: kind + " " + reason + " " + message, deed: true})
}

func (r *recorder) Eventf(object runtime.Object, kind, reason, format string, args ...any) {
	r.Event(object, kind, reason, fmt.Sprintf(format, args...))
}

func (r *recorder) AnnotatedEventf(object runtime.Object, _ map[string]string, kind, reason, format string, args ...any) {
	r.Event(object, kind, reason, fmt.Sprintf(format, args...))
}
