package framework

import (
	"context"
	"fmt"
	"reflect"

	. "github.com/onsi/ginkgo/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Object is any object of the API: a pointer to a struct of k8s.io/api.
type Object interface {
	metav1.Object
	runtime.Object
}

// clusterScoped are the kinds we use that live in no namespace.
var clusterScoped = map[string]bool{
	"ClusterTrustBundle": true, "Namespace": true, "Node": true, "ClusterRole": true, "ClusterRoleBinding": true,
	"PersistentVolume": true, "StorageClass": true, "RuntimeClass": true, "PriorityClass": true,
	"ValidatingAdmissionPolicy": true, "ValidatingAdmissionPolicyBinding": true,
	"MutatingAdmissionPolicy": true, "MutatingAdmissionPolicyBinding": true,
	"ValidatingWebhookConfiguration": true, "MutatingWebhookConfiguration": true,
	"CertificateSigningRequest": true, "VolumeAttributesClass": true, "CSIDriver": true,
}

// Create creates objects in the spec's namespace (or their own, when set); what the server
// answered is in them afterwards. Any error fails the spec.
func (f *Framework) Create(ctx context.Context, objects ...Object) {
	GinkgoHelper()
	for _, object := range objects {
		f.must(f.TryCreate(ctx, object), "create %s", describe(object))
	}
}

// TryCreate creates one object and returns the server's refusal, if any.
func (f *Framework) TryCreate(ctx context.Context, object Object) error {
	return f.tryCreate(ctx, object, &metav1.CreateOptions{})
}

// DryCreate asks whether the object would be created, without creating it. What the server would have
// made of it is in object afterwards; the refusal, if any, is returned.
func (f *Framework) DryCreate(ctx context.Context, object Object) error {
	return f.tryCreate(ctx, object, &metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

func (f *Framework) tryCreate(ctx context.Context, object Object, options *metav1.CreateOptions) error {
	return f.send(ctx, object, func(c *rest.RESTClient) *rest.Request {
		return f.locate(c.Post(), object, false).VersionedParams(options, scheme.ParameterCodec).Body(object)
	})
}

// Get reads the object of the same kind and name anew.
func (f *Framework) Get(ctx context.Context, object Object) {
	GinkgoHelper()
	f.must(f.TryGet(ctx, object), "get %s", describe(object))
}

// TryGet reads the object of the same kind and name anew; a missing one is an IsNotFound error.
func (f *Framework) TryGet(ctx context.Context, object Object) error {
	return f.send(ctx, object, func(c *rest.RESTClient) *rest.Request { return f.locate(c.Get(), object, true) })
}

// TryUpdate replaces the object, or the named subresource of it.
func (f *Framework) TryUpdate(ctx context.Context, object Object, subresource ...string) error {
	return f.send(ctx, object, func(c *rest.RESTClient) *rest.Request {
		return f.locate(c.Put(), object, true).SubResource(subresource...).Body(object)
	})
}

// Edit reads the object, lets change alter it and writes it back, again when another writer was faster.
func (f *Framework) Edit(ctx context.Context, object Object, change func()) {
	GinkgoHelper()
	f.must(f.TryEdit(ctx, object, change), "update %s", describe(object))
}

// TryEdit is Edit that returns the server's refusal, if any, other than that another writer was faster.
func (f *Framework) TryEdit(ctx context.Context, object Object, change func()) error {
	var err error
	for range 20 {
		if err = f.TryGet(ctx, object); err != nil {
			return err
		}
		change()
		if err = f.TryUpdate(ctx, object); !apierrors.IsConflict(err) {
			return err
		}
	}
	return err
}

// Patch applies a merge patch (RFC 7386) given as JSON to the object, or to the named subresource of it.
func (f *Framework) Patch(ctx context.Context, object Object, patch string, subresource ...string) {
	GinkgoHelper()
	f.must(f.TryPatch(ctx, object, types.MergePatchType, patch, subresource...), "patch %s with %s", describe(object), patch)
}

// TryPatch applies a patch of any type and returns the server's refusal, if any.
func (f *Framework) TryPatch(ctx context.Context, object Object, kind types.PatchType, patch string, subresource ...string) error {
	return f.send(ctx, object, func(c *rest.RESTClient) *rest.Request {
		return f.locate(c.Patch(kind), object, true).SubResource(subresource...).Body([]byte(patch))
	})
}

// Delete deletes the object, with the given options if any. Any error fails the spec.
func (f *Framework) Delete(ctx context.Context, object Object, options ...metav1.DeleteOptions) {
	GinkgoHelper()
	f.must(f.TryDelete(ctx, object, options...), "delete %s", describe(object))
}

// TryDelete deletes the object and returns the server's refusal, if any.
func (f *Framework) TryDelete(ctx context.Context, object Object, options ...metav1.DeleteOptions) error {
	client, err := f.client(object)
	if err != nil {
		return err
	}
	body := metav1.DeleteOptions{}
	for _, option := range options {
		body = option
	}
	ctx, cancel := context.WithTimeout(ctx, scaled(APITimeout))
	defer cancel()
	return f.locate(client.Delete(), object, true).Body(&body).Do(ctx).Error()
}

// send performs a request and puts the answer into object; on an error object is unchanged.
func (f *Framework) send(ctx context.Context, object Object, build func(*rest.RESTClient) *rest.Request) error {
	client, err := f.client(object)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, scaled(APITimeout))
	defer cancel()
	answer := reflect.New(reflect.TypeOf(object).Elem())
	if err := build(client).Do(ctx).Into(answer.Interface().(runtime.Object)); err != nil {
		return err
	}
	reflect.ValueOf(object).Elem().Set(answer.Elem())
	return nil
}

// locate completes a request with namespace, resource and, if named, the object's name.
func (f *Framework) locate(request *rest.Request, object Object, named bool) *rest.Request {
	gvk := kindOf(object)
	resource, _ := meta.UnsafeGuessKindToResource(gvk)
	if !clusterScoped[gvk.Kind] {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = f.Namespace
		}
		request = request.Namespace(namespace)
	}
	request = request.Resource(resource.Resource)
	if named {
		request = request.Name(object.GetName())
	}
	return request
}

// client returns a REST client for the object's group and version.
func (f *Framework) client(object runtime.Object) (*rest.RESTClient, error) {
	gv := kindOf(object).GroupVersion()
	if client, made := f.rest[gv.String()]; made {
		return client, nil
	}
	config := rest.CopyConfig(f.Config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err == nil {
		f.rest[gv.String()] = client
	}
	return client, err
}

func kindOf(object runtime.Object) schema.GroupVersionKind {
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		panic(fmt.Sprintf("%T is not a kind of the API: %v", object, err))
	}
	return kinds[0]
}

// describe names an object in messages: "Pod web-1".
func describe(object Object) string {
	name := object.GetName()
	if name == "" {
		name = object.GetGenerateName() + "…"
	}
	return kindOf(object).Kind + " " + name
}

// CreateForCluster creates objects that live in no namespace, and removes them after the spec.
func (f *Framework) CreateForCluster(ctx context.Context, objects ...Object) {
	GinkgoHelper()
	made := *f
	for _, object := range objects {
		f.Create(ctx, object)
		DeferCleanup(func(ctx SpecContext) {
			if err := made.TryDelete(ctx, object); !apierrors.IsNotFound(err) {
				made.must(err, "delete %s", describe(object))
			}
		}, NodeTimeout(scaled(CleanUpTimeout)))
	}
}
