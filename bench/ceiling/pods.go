package ceiling

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	jsonType     = "application/json"
	prefix       = "/registry/pods/"
)

var (
	podKind     = corev1.SchemeGroupVersion.WithKind("Pod")
	errConflict = errors.New("the object has been modified")
	errMissing  = errors.New("not found")
)

func key(r *http.Request, name string) string { return prefix + r.PathValue("namespace") + "/" + name }

func (s *server) serializer(contentType string) (runtime.Serializer, string) {
	if strings.HasPrefix(contentType, protobufType) {
		return s.proto, protobufType
	}
	return s.json, jsonType
}

// read decodes a request's body into obj.
func (s *server) read(r *http.Request, obj runtime.Object) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	serializer, _ := s.serializer(r.Header.Get("Content-Type"))
	_, _, err = serializer.Decode(body, nil, obj)
	return err
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, code int, obj runtime.Object) {
	serializer, contentType := s.serializer(r.Header.Get("Accept"))
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_ = serializer.Encode(obj, w) // the client has gone; there is nobody to tell
}

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, errConflict):
		code = http.StatusConflict
	case errors.Is(err, errMissing):
		code = http.StatusNotFound
	}
	http.Error(w, err.Error(), code)
}

// put writes pod if its key is still at revision (0: does not exist).
func (s *server) put(r *http.Request, key string, pod *corev1.Pod, revision int64) error {
	pod.SetGroupVersionKind(podKind)
	pod.ResourceVersion = ""
	var b bytes.Buffer
	if err := s.proto.Encode(pod, &b); err != nil {
		return err
	}
	done, err := s.etcd.Txn(r.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpPut(key, b.String())).Commit()
	if err != nil {
		return err
	}
	if !done.Succeeded {
		return errConflict
	}
	pod.ResourceVersion = strconv.FormatInt(done.Header.Revision, 10)
	return nil
}

func (s *server) get(r *http.Request, key string) (*corev1.Pod, int64, error) {
	found, err := s.etcd.Get(r.Context(), key)
	if err != nil {
		return nil, 0, err
	}
	if len(found.Kvs) == 0 {
		return nil, 0, errMissing
	}
	pod, err := s.decode(found.Kvs[0])
	return pod, found.Kvs[0].ModRevision, err
}

func (s *server) decode(kv *mvccpb.KeyValue) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if _, _, err := s.proto.Decode(kv.Value, nil, pod); err != nil {
		return nil, fmt.Errorf("%s: %w", kv.Key, err)
	}
	pod.SetGroupVersionKind(podKind)
	pod.ResourceVersion = strconv.FormatInt(kv.ModRevision, 10)
	return pod, nil
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	pod := &corev1.Pod{}
	if err := s.read(r, pod); err != nil {
		refuse(w, err)
		return
	}
	scheme.Scheme.Default(pod)
	pod.Namespace, pod.UID, pod.CreationTimestamp, pod.Generation = r.PathValue("namespace"), types.UID(uuid.NewUUID()), metav1.Now(), 1
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBurstable}
	if err := s.put(r, key(r, pod.Name), pod, 0); err != nil {
		refuse(w, err)
		return
	}
	s.answer(w, r, http.StatusCreated, pod)
}

func (s *server) update(w http.ResponseWriter, r *http.Request) {
	pod := &corev1.Pod{}
	if err := s.read(r, pod); err != nil {
		refuse(w, err)
		return
	}
	key := key(r, r.PathValue("name"))
	old, revision, err := s.get(r, key)
	if err == nil {
		scheme.Scheme.Default(pod)
		pod.Namespace, pod.UID, pod.CreationTimestamp, pod.Generation, pod.Status = old.Namespace, old.UID, old.CreationTimestamp, old.Generation, old.Status
		err = s.put(r, key, pod, revision)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	s.answer(w, r, http.StatusOK, pod)
}

func (s *server) bind(w http.ResponseWriter, r *http.Request) {
	binding := &corev1.Binding{}
	if err := s.read(r, binding); err != nil {
		refuse(w, err)
		return
	}
	key := key(r, r.PathValue("name"))
	pod, revision, err := s.get(r, key)
	if err == nil {
		pod.Spec.NodeName = binding.Target.Name
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
		})
		err = s.put(r, key, pod, revision)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	s.answer(w, r, http.StatusCreated, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess,
	})
}

func (s *server) listOrWatch(w http.ResponseWriter, r *http.Request) {
	if watch := r.URL.Query().Get("watch"); watch == "1" || watch == "true" {
		s.fan.serve(w, r)
		return
	}
	found, err := s.etcd.Get(r.Context(), key(r, ""), clientv3.WithPrefix())
	if err != nil {
		refuse(w, err)
		return
	}
	list := &corev1.PodList{
		TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"},
		ListMeta: metav1.ListMeta{ResourceVersion: strconv.FormatInt(found.Header.Revision, 10)},
		Items:    make([]corev1.Pod, 0, len(found.Kvs)),
	}
	for _, kv := range found.Kvs {
		pod, err := s.decode(kv)
		if err != nil {
			refuse(w, err)
			return
		}
		pod.TypeMeta = metav1.TypeMeta{} // as in every list
		list.Items = append(list.Items, *pod)
	}
	s.answer(w, r, http.StatusOK, list)
}
