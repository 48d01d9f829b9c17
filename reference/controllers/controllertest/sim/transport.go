package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// transport is the way from one client to the store. What a client asks for goes
// through the weather, and what it watches through its gates.
type transport struct {
	w     *World
	actor string
}

// config is what a client of the actor is made from.
func (w *World) config(actor string) *rest.Config {
	return &rest.Config{
		Host: "http://sim", QPS: -1, Transport: &transport{w, actor}, WarningHandler: rest.NoWarnings{},
		ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"},
	}
}

// request is a request for objects, taken apart.
type request struct {
	*http.Request
	resource    schema.GroupVersionResource
	key         types.NamespacedName // without a name if it is of a collection
	subresource string
	body        []byte
	partial     bool // of objects only the metadata is wanted
}

func parse(r *http.Request) (*request, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	req := &request{Request: r, partial: strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")}
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		req.resource.Version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		req.resource.Group, req.resource.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return nil, fmt.Errorf("sim: %s is not served", r.URL.Path)
	}
	if len(parts) >= 3 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		req.key.Namespace, parts = parts[1], parts[2:]
	}
	req.resource.Resource = parts[0]
	if len(parts) > 1 {
		req.key.Name = parts[1]
	}
	if len(parts) > 2 {
		req.subresource = strings.Join(parts[2:], "/")
	}
	if _, ok := kinds[req.resource]; !ok {
		return nil, fmt.Errorf("sim: %s is not served", r.URL.Path)
	}
	if r.Body == nil {
		return req, nil
	}
	defer r.Body.Close()
	var err error
	req.body, err = io.ReadAll(r.Body)
	return req, err
}

// RoundTrip answers a request, in its own time.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	req, err := parse(r)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodGet && r.URL.Query().Get("watch") != "" {
		return t.watch(req)
	}
	fate := t.w.weather.over(t.actor, req)
	if !t.pause(req, fate.before) {
		return nil, r.Context().Err()
	}
	var answer any
	if fate.instead == nil {
		answer, err = t.serve(req)
	} else {
		err = fate.instead
	}
	applied := err == nil && r.Method != http.MethodGet
	if !t.pause(req, fate.after) {
		t.w.unheard(t.actor, applied)
		return nil, r.Context().Err()
	}
	if err == nil && fate.lost != nil {
		t.w.unheard(t.actor, applied)
		err = fate.lost
	}
	if err != nil && r.Method != http.MethodGet {
		t.w.refused(t.actor, req, err, fate)
	}
	return respond(req, answer, err)
}

// unheard counts a write of which the client does not know that it was applied.
func (w *World) unheard(actor string, applied bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if applied {
		w.unanswered[actor]++
	}
}

// pause lets time pass, and says whether the client still waits after it.
func (t *transport) pause(req *request, d time.Duration) bool {
	if d > 0 {
		select {
		case <-time.After(d):
		case <-req.Context().Done():
		}
	}
	return req.Context().Err() == nil
}

func (t *transport) serve(req *request) (any, error) {
	s := t.w.store
	switch req.Method {
	case http.MethodGet:
		if req.key.Name == "" {
			return t.list(req)
		}
		found := s.get(req.resource, req.key)
		if found == nil {
			return nil, apierrors.NewNotFound(req.resource.GroupResource(), req.key.Name)
		}
		if req.subresource == "scale" {
			return readScale(found)
		}
		return found, nil
	case http.MethodPost:
		return t.post(req)
	case http.MethodPut:
		if req.subresource == "scale" {
			return t.scale(req)
		}
		return s.update(t.actor, "update", req.resource, req.key, req.subresource, func(old Object) (Object, error) {
			obj, err := req.object()
			if err == nil && obj.GetUID() != "" && obj.GetUID() != old.GetUID() {
				err = apierrors.NewConflict(req.resource.GroupResource(), req.key.Name,
					fmt.Errorf("Precondition failed: UID in precondition: %s, UID in object meta: %s", obj.GetUID(), old.GetUID())) //nolint:staticcheck // the API server's text
			}
			return obj, err
		})
	case http.MethodPatch:
		return s.update(t.actor, "patch", req.resource, req.key, req.subresource, func(old Object) (Object, error) {
			return patched(req.resource, old, types.PatchType(req.Header.Get("Content-Type")), req.body)
		})
	case http.MethodDelete:
		var options metav1.DeleteOptions
		if len(req.body) > 0 {
			if err := json.Unmarshal(req.body, &options); err != nil {
				return nil, apierrors.NewBadRequest(err.Error())
			}
		}
		if req.key.Name == "" {
			return nil, t.removeAll(req, options)
		}
		return s.remove(t.actor, req.resource, req.key, options)
	}
	return nil, apierrors.NewMethodNotSupported(req.resource.GroupResource(), req.Method)
}

func (t *transport) post(req *request) (any, error) {
	switch req.subresource {
	case "":
		obj, err := req.object()
		if err != nil {
			return nil, err
		}
		obj.SetNamespace(req.key.Namespace)
		return t.w.store.create(t.actor, req.resource, obj)
	case "eviction":
		_, err := t.w.store.remove(t.actor, req.resource, req.key, metav1.DeleteOptions{})
		return nil, err
	}
	return nil, apierrors.NewMethodNotSupported(req.resource.GroupResource(), req.subresource)
}

// object is the one in the request's body.
func (r *request) object() (Object, error) {
	obj, err := newObject(r.resource)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(r.body, obj); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return obj, nil
}

// selects says which objects a list or watch asks for.
func (r *request) selects() (func(*stored) bool, error) {
	query := r.URL.Query()
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return func(obj *stored) bool {
		return obj != nil && (r.key.Namespace == "" || obj.GetNamespace() == r.key.Namespace) &&
			byLabel.Matches(labels.Set(obj.GetLabels())) && byField.Matches(fieldsOf(obj))
	}, nil
}

func (t *transport) list(req *request) (any, error) {
	selected, err := req.selects()
	if err != nil {
		return nil, err
	}
	t.w.store.mu.Lock()
	defer t.w.store.mu.Unlock()
	gvk := kinds[req.resource]
	items := [][]byte{}
	for _, obj := range t.w.store.list(req.resource, req.key.Namespace) {
		if selected(obj) {
			items = append(items, req.shape(obj.raw))
		}
	}
	if req.partial {
		gvk = metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
		gvk.Group = "meta.k8s.io"
	}
	return json.RawMessage(fmt.Sprintf(`{"kind":"%sList","apiVersion":%q,"metadata":{"resourceVersion":"%d"},"items":[%s]}`,
		gvk.Kind, gvk.GroupVersion(), t.w.store.version, bytes.Join(items, []byte(",")))), nil
}

func (t *transport) removeAll(req *request, options metav1.DeleteOptions) error {
	selected, err := req.selects()
	if err != nil {
		return err
	}
	for _, obj := range slices.DeleteFunc(t.w.store.list(req.resource, req.key.Namespace), func(obj *stored) bool { return !selected(obj) }) {
		if _, err := t.w.store.remove(t.actor, req.resource, keyOf(obj), options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// shape makes of an object what the client asks for.
func (r *request) shape(raw []byte) []byte {
	if !r.partial {
		return raw
	}
	var object struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	return fmt.Appendf(nil, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":%s}`, object.Metadata)
}

// respond makes the answer, or what went wrong, a response.
func respond(req *request, answer any, err error) (*http.Response, error) {
	code := http.StatusOK
	if req.Method == http.MethodPost {
		code = http.StatusCreated
	}
	var body []byte
	switch answer := answer.(type) {
	case *stored:
		if answer != nil {
			body = req.shape(answer.raw)
		}
	case json.RawMessage:
		body = answer
	default:
		body = []byte(`{"kind":"Status","apiVersion":"v1","status":"Success"}`)
	}
	if err != nil {
		status, ok := err.(apierrors.APIStatus)
		if !ok {
			status = apierrors.NewInternalError(err)
		}
		s := status.Status()
		s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		code = int(s.Code)
		if body, err = json.Marshal(s); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Request: req.Request,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}
