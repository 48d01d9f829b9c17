package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("representations", func() {
	f := New()
	maps := func() string { return "/api/v1/namespaces/" + f.Namespace + "/configmaps" }

	f.It("api/partial-metadata", func(ctx SpecContext) {
		object := configMap("partial", map[string]string{"a": "1"})
		object.Labels = map[string]string{"app": "web"}
		f.Create(ctx, object)
		var one metav1.PartialObjectMetadata
		answer := f.Ask(ctx, http.MethodGet, maps()+"/partial", "", "Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").Must(http.StatusOK)
		Expect(string(answer.Body)).NotTo(ContainSubstring(`"data"`))
		answer.Into(&one)
		Expect(one.TypeMeta).To(Equal(metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}))
		Expect(one.UID).To(Equal(object.UID))
		Expect(one.Labels).To(Equal(object.Labels))
		var list metav1.PartialObjectMetadataList
		f.Ask(ctx, http.MethodGet, maps()+"?labelSelector=app%3Dweb", "", "Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").Must(http.StatusOK).Into(&list)
		Expect(list.Kind).To(Equal("PartialObjectMetadataList"))
		Expect(list.Items).To(HaveLen(1))
		Expect(list.Items[0].Name).To(Equal("partial"))
	})

	f.It("api/table-options", func(ctx SpecContext) {
		f.Create(ctx, configMap("shown", map[string]string{"a": "1", "b": "2"}))
		table := func(path string) (table metav1.Table) {
			GinkgoHelper()
			f.Ask(ctx, http.MethodGet, path, "", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").Must(http.StatusOK).Into(&table)
			Expect(table.Kind).To(Equal("Table"))
			Expect(table.Rows).To(HaveLen(1))
			return table
		}
		one := table(maps() + "/shown")
		Expect(one.Rows[0].Cells[:2]).To(HaveExactElements(Equal("shown"), BeEquivalentTo(2)))
		kind := func(raw []byte) string {
			GinkgoHelper()
			var meta metav1.TypeMeta
			Expect(json.Unmarshal(raw, &meta)).To(Succeed(), "%s", raw)
			return meta.Kind
		}
		Expect(kind(one.Rows[0].Object.Raw)).To(Equal("PartialObjectMetadata"), "each row brings its object's metadata")
		Expect(kind(table(maps() + "/shown?includeObject=Object").Rows[0].Object.Raw)).To(Equal("ConfigMap"))
		Expect(table(maps() + "/shown?includeObject=None").Rows[0].Object.Raw).To(BeNil())
	})

	f.It("api/protobuf", func(ctx SpecContext) {
		config := rest.CopyConfig(f.Config)
		config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
		binary, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		object := configMap("binary", map[string]string{"a": "1"})
		object.BinaryData = map[string][]byte{"b": {0, 1, 254, 255}}
		made, err := binary.CoreV1().ConfigMaps(f.Namespace).Create(ctx, object, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		same := configMap("binary", nil)
		f.Get(ctx, same)
		Expect(same.UID).To(Equal(made.UID))
		Expect(same.BinaryData).To(Equal(object.BinaryData))
		answer := f.Ask(ctx, http.MethodGet, maps()+"/binary", "", "Accept", runtime.ContentTypeProtobuf).Must(http.StatusOK)
		Expect(answer.Header.Get("Content-Type")).To(HavePrefix(runtime.ContentTypeProtobuf))
		Expect(answer.Body).To(HavePrefix("k8s\x00"), "what tells an object in protobuf")
	})

	f.It("api/media-types", func(ctx SpecContext) {
		f.Ask(ctx, http.MethodPost, maps(), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: '1'\n", "Content-Type", "application/yaml").Must(http.StatusCreated)
		answer := f.Ask(ctx, http.MethodGet, maps()+"/yaml", "", "Accept", "application/yaml").Must(http.StatusOK, "kind: ConfigMap\n")
		Expect(answer.Header.Get("Content-Type")).To(HavePrefix("application/yaml"))
		f.Ask(ctx, http.MethodGet, maps()+"/yaml", "", "Accept", "image/png").Must(http.StatusNotAcceptable, "application/json", runtime.ContentTypeProtobuf)
		answer = f.Ask(ctx, http.MethodGet, maps()+"/yaml", "", "Accept", "image/png, application/yaml;q=0.5, */*;q=0.1").Must(http.StatusOK)
		Expect(answer.Header.Get("Content-Type")).To(HavePrefix("application/yaml"))
		f.Ask(ctx, http.MethodPost, maps(), "{}", "Content-Type", "text/html").Must(http.StatusUnsupportedMediaType)
	})

	f.It("api/compression", func(ctx SpecContext) {
		f.Create(ctx, configMap("large", map[string]string{"a": strings.Repeat("compress me ", 30_000)}), configMap("small", map[string]string{"a": "1"}))
		answer := f.Ask(ctx, http.MethodGet, maps()+"/large", "", "Accept-Encoding", "gzip").Must(http.StatusOK)
		Expect(answer.Header.Get("Content-Encoding")).To(Equal("gzip"))
		Expect(answer.Header.Get("Vary")).To(ContainSubstring("Accept-Encoding"))
		reader, err := gzip.NewReader(bytes.NewReader(answer.Body))
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(reader)
		Expect(err).NotTo(HaveOccurred())
		var object corev1.ConfigMap
		Answer{Body: text}.Into(&object)
		Expect(object.Data["a"]).To(HaveLen(360_000))
		Expect(f.Ask(ctx, http.MethodGet, maps()+"/small", "", "Accept-Encoding", "gzip").Must(http.StatusOK).Header.Get("Content-Encoding")).To(BeEmpty(), "what is small is sent plainly")
		Expect(f.Ask(ctx, http.MethodGet, maps()+"/large", "", "Accept-Encoding", "identity").Must(http.StatusOK).Header.Get("Content-Encoding")).To(BeEmpty())
	})

	f.It("api/refusals", func(ctx SpecContext) {
		check := func(answer Answer, code int, reason metav1.StatusReason, message string) metav1.Status {
			GinkgoHelper()
			status := answer.Must(code).Status()
			Expect(status.TypeMeta).To(Equal(metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}))
			Expect(status.Status).To(Equal(metav1.StatusFailure))
			Expect(status.Code).To(BeEquivalentTo(code))
			Expect(status.Reason).To(Equal(reason))
			Expect(status.Message).To(ContainSubstring(message))
			return status
		}
		missing := check(f.Ask(ctx, http.MethodGet, maps()+"/none-such", ""), http.StatusNotFound, metav1.StatusReasonNotFound, `configmaps "none-such" not found`)
		Expect(missing.Details.Name).To(Equal("none-such"))
		Expect(missing.Details.Kind).To(Equal("configmaps"))
		invalid := check(f.Ask(ctx, http.MethodPost, maps(), `{"metadata":{"name":"A_B"},"data":{"c d":"e"}}`, "Content-Type", "application/json"), http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, `ConfigMap "A_B" is invalid`)
		var fields []string
		for _, cause := range invalid.Details.Causes {
			Expect(cause.Type).To(Equal(metav1.CauseTypeFieldValueInvalid))
			fields = append(fields, cause.Field)
		}
		Expect(fields).To(ConsistOf("metadata.name", "data[c d]"))
		check(f.Ask(ctx, http.MethodPut, maps(), `{}`, "Content-Type", "application/json"), http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "the server does not allow this method on the requested resource")
		check(f.Ask(ctx, http.MethodPost, maps(), `{"kind":`, "Content-Type", "application/json"), http.StatusBadRequest, metav1.StatusReasonBadRequest, "ConfigMap")
		check(f.Ask(ctx, http.MethodPost, maps(), `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}`, "Content-Type", "application/json"), http.StatusBadRequest, metav1.StatusReasonBadRequest, "Secret")
		check(f.Ask(ctx, http.MethodPost, maps(), `{"metadata":{"name":"a","namespace":"other"}}`, "Content-Type", "application/json"), http.StatusBadRequest, metav1.StatusReasonBadRequest, "the namespace of the provided object does not match the namespace sent on the request")
		check(f.Ask(ctx, http.MethodGet, maps()+"?limit=many", ""), http.StatusBadRequest, metav1.StatusReasonBadRequest, "many")
		f.Ask(ctx, http.MethodGet, "/apis/none.such/v1/things", "").Must(http.StatusNotFound, "404 page not found")
	})

	f.It("api/request-size", func(ctx SpecContext) {
		body := fmt.Sprintf(`{"metadata":{"name":"huge"},"data":{"a":%q}}`, strings.Repeat("x", 3<<20))
		f.Ask(ctx, http.MethodPost, maps(), body, "Content-Type", "application/json").Must(http.StatusRequestEntityTooLarge, "limit is 3145728")
		MustRefuse(f.TryCreate(ctx, configMap("large", map[string]string{"a": strings.Repeat("x", 1<<20+1)})), http.StatusUnprocessableEntity, "Too long", "1048576")
		f.Create(ctx, configMap("full", map[string]string{"a": strings.Repeat("x", 1<<20)}))
	})

	f.It("api/warnings", func(ctx SpecContext) {
		warned := func(path, body string) []string {
			GinkgoHelper()
			answer := f.Ask(ctx, http.MethodPost, path, body, "Content-Type", "application/json").Must(http.StatusCreated)
			return answer.Header.Values("Warning")
		}
		Expect(f.Ask(ctx, http.MethodGet, "/api/v1/namespaces/"+f.Namespace+"/endpoints", "").Must(http.StatusOK).Header.Values("Warning")).
			To(ConsistOf(`299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"`))
		Expect(warned(maps()+"?fieldValidation=Warn&dryRun=All", `{"metadata":{"name":"a"},"dta":{},"data":{"a":"1"},"data":{"a":"2"}}`)).
			To(ConsistOf(`299 - "unknown field \"dta\""`, `299 - "duplicate field \"data\""`))
		Expect(warned(maps()+"?dryRun=All", `{"metadata":{"name":"a"},"dta":{}}`)).To(ConsistOf(`299 - "unknown field \"dta\""`), "what is the default")
		Expect(warned(maps()+"?fieldValidation=Ignore&dryRun=All", `{"metadata":{"name":"a"},"dta":{}}`)).To(BeEmpty())
		Expect(warned("/api/v1/namespaces/"+f.Namespace+"/pods?dryRun=All", `{"metadata":{"name":"a","annotations":{"scheduler.alpha.kubernetes.io/critical-pod":""}},"spec":{"containers":[
			{"name":"a","image":"example.com/a:v1","env":[{"name":"X","value":"1"},{"name":"X","value":"2"}]}]}}`)).To(ContainElement(ContainSubstring("hides previous definition of")))
	})
})
