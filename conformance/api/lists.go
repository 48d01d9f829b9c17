package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("points in time", func() {
	f := New()
	ofSpec := metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"}

	f.It("api/list-versions", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		object := configMap("aging", map[string]string{"key": "1"})
		f.Create(ctx, object)
		then := object.ResourceVersion
		f.Patch(ctx, object, `{"data":{"key":"2"}}`)
		list := func(version string, match metav1.ResourceVersionMatch) string {
			GinkgoHelper()
			options := ofSpec
			options.ResourceVersion, options.ResourceVersionMatch = version, match
			list, err := maps.List(ctx, options)
			Expect(err).NotTo(HaveOccurred(), "list at %q %s", version, match)
			Expect(list.Items).To(HaveLen(1), "list at %q %s", version, match)
			if match == metav1.ResourceVersionMatchExact {
				Expect(list.ResourceVersion).To(Equal(version))
			}
			return list.Items[0].Data["key"]
		}
		Expect(list("", "")).To(Equal("2"), "the newest")
		Expect(list(then, metav1.ResourceVersionMatchExact)).To(Equal("1"), "as it was then")
		Expect(list(object.ResourceVersion, metav1.ResourceVersionMatchExact)).To(Equal("2"))
		Expect(list(object.ResourceVersion, metav1.ResourceVersionMatchNotOlderThan)).To(Equal("2"))
		Expect(list(object.ResourceVersion, "")).To(Equal("2"))
		// Any version will do, an old one too; in the end it is the newest.
		f.WaitUntil(ctx, "a list at any version shows the change", SettleTimeout, func(ctx context.Context) (bool, string) {
			options := ofSpec
			options.ResourceVersion = "0"
			list, err := maps.List(ctx, options)
			Expect(err).NotTo(HaveOccurred())
			return len(list.Items) == 1 && list.Items[0].Data["key"] == "2", fmt.Sprint(list.Items)
		})
	})

	f.It("api/list-options", func(ctx SpecContext) {
		path := "/api/v1/namespaces/" + f.Namespace + "/configmaps?"
		for query, part := range map[string]string{
			"resourceVersionMatch=Exact":                                     "resourceVersionMatch is forbidden unless resourceVersion is provided",
			"resourceVersionMatch=Sometimes&resourceVersion=1":               "resourceVersionMatch",
			"resourceVersionMatch=Exact&resourceVersion=0":                   `resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"`,
			"resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x": "resourceVersionMatch is forbidden when continue is provided",
			"sendInitialEvents=true":                                         "sendInitialEvents is forbidden for list",
			"watch=1&resourceVersionMatch=NotOlderThan":                      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
			"watch=1&sendInitialEvents=true":                                 "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
		} {
			By(query)
			f.Ask(ctx, http.MethodGet, path+query, "").Must(http.StatusUnprocessableEntity, part)
		}
		f.Ask(ctx, http.MethodGet, path+"resourceVersion=abc", "").Must(http.StatusBadRequest)
		f.Ask(ctx, http.MethodGet, path+"continue=abc", "").Must(http.StatusBadRequest, "continue key is not valid")
		f.Ask(ctx, http.MethodGet, path+"fieldSelector="+url.QueryEscape("a=b=c"), "").Must(http.StatusBadRequest)
	})

	f.It("api/list-future", func(ctx SpecContext) {
		list, err := f.API.CoreV1().ConfigMaps(f.Namespace).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		version, err := strconv.ParseUint(list.ResourceVersion, 10, 64)
		Expect(err).NotTo(HaveOccurred(), "resourceVersions are numbers")
		future := strconv.FormatUint(version+1_000_000, 10)
		f.Ask(ctx, http.MethodGet, "/api/v1/namespaces/"+f.Namespace+"/configmaps?resourceVersionMatch=NotOlderThan&resourceVersion="+future, "").
			Must(http.StatusGatewayTimeout, "Too large resource version")
	})

	f.It("api/chunks-remaining", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		for i := range 6 {
			object := configMap(fmt.Sprintf("item-%d", i), nil)
			object.Labels = map[string]string{"app": "web"}
			f.Create(ctx, object)
		}
		first, err := maps.List(ctx, metav1.ListOptions{Limit: 3})
		Expect(err).NotTo(HaveOccurred())
		Expect(first.Continue).NotTo(BeEmpty())
		Expect(first.RemainingItemCount).To(HaveValue(BeEquivalentTo(4)), "with kube-root-ca.crt there are seven")
		// What is gone by now was there at the point in time that the chunks are of.
		f.Delete(ctx, configMap("item-5", nil))
		second, err := maps.List(ctx, metav1.ListOptions{Limit: 3, Continue: first.Continue})
		Expect(err).NotTo(HaveOccurred())
		Expect(second.RemainingItemCount).To(HaveValue(BeEquivalentTo(1)))
		last, err := maps.List(ctx, metav1.ListOptions{Limit: 3, Continue: second.Continue})
		Expect(err).NotTo(HaveOccurred())
		Expect(last.Items).To(HaveLen(1))
		Expect(last.Continue).To(BeEmpty())
		Expect(last.RemainingItemCount).To(BeNil())
		selected, err := maps.List(ctx, metav1.ListOptions{Limit: 2, LabelSelector: "app=web"})
		Expect(err).NotTo(HaveOccurred())
		Expect(selected.Items).To(HaveLen(2))
		Expect(selected.RemainingItemCount).To(BeNil(), "with a selector it is not known")
	})

	f.It("api/watch-bookmarks", func(ctx SpecContext) {
		object := configMap("marked", map[string]string{"key": "1"})
		f.Create(ctx, object)
		w, err := f.API.CoreV1().ConfigMaps(f.Namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: object.ResourceVersion, AllowWatchBookmarks: true, TimeoutSeconds: ptr.To[int64](10)})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		var event watch.Event
		Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event), "a bookmark before the watch ends")
		Expect(event.Type).To(Equal(watch.Bookmark))
		marked := event.Object.(metav1.Object)
		Expect(marked.GetName()).To(BeEmpty())
		Expect(marked.GetResourceVersion()).NotTo(BeEmpty())
		f.Patch(ctx, object, `{"data":{"key":"2"}}`)
		again, err := f.API.CoreV1().ConfigMaps(f.Namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: marked.GetResourceVersion()})
		Expect(err).NotTo(HaveOccurred())
		defer again.Stop()
		got, _ := next(ctx, again)
		Expect(got).To(Equal("MODIFIED marked 2"), "from the bookmark on nothing is repeated and nothing missed")
	})

	f.It("api/watch-end", func(ctx SpecContext) {
		f.Create(ctx, configMap("seen", map[string]string{"key": "1"}))
		options := ofSpec
		options.TimeoutSeconds = ptr.To[int64](2)
		w, err := f.API.CoreV1().ConfigMaps(f.Namespace).Watch(ctx, options)
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		got, _ := next(ctx, w)
		Expect(got).To(Equal("ADDED seen 1"), "a watch from no version on begins with what exists")
		Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(BeClosed(), "after timeoutSeconds the server ends the watch, without an error")
	})

	f.It("api/watch-metadata", func(ctx SpecContext) {
		path := "/api/v1/namespaces/" + f.Namespace + "/configmaps"
		var list metav1.List
		f.Ask(ctx, http.MethodGet, path, "").Must(http.StatusOK).Into(&list)
		f.Create(ctx, configMap("lean", map[string]string{"key": "1"}))
		answer := f.Ask(ctx, http.MethodGet, path+"?watch=1&timeoutSeconds=1&resourceVersion="+list.ResourceVersion, "", "Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").Must(http.StatusOK)
		var event struct {
			Type   watch.EventType
			Object metav1.PartialObjectMetadata
		}
		answer.Into(&event)
		Expect(event.Type).To(Equal(watch.Added))
		Expect(event.Object.Kind).To(Equal("PartialObjectMetadata"))
		Expect(event.Object.Name).To(Equal("lean"))
		Expect(string(answer.Body)).NotTo(ContainSubstring(`"data"`))
		rows := f.Ask(ctx, http.MethodGet, path+"?watch=1&timeoutSeconds=1&resourceVersion="+list.ResourceVersion, "", "Accept", "application/json;as=Table;g=meta.k8s.io;v=v1").Must(http.StatusOK)
		var row struct{ Object metav1.Table }
		rows.Into(&row)
		Expect(row.Object.Rows).To(HaveLen(1))
		Expect(row.Object.Rows[0].Cells[0]).To(Equal("lean"))
	})
})
