package generic

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/apiserver/validation/declared"
)

// ValidateDeclaratively implements rest.DeclarativeValidationStrategy: it adds what the tags of the type in the
// version of the request say to what the resource's own rules said. Nothing is said twice, although the machinery, and
// the rules for new objects and for replacements, all judge the metadata.
func (s strategy[T]) ValidateDeclaratively(ctx context.Context, obj, old runtime.Object, errs field.ErrorList, op operation.Type,
	_ rest.DeclarativeValidationConfig,
) field.ErrorList {
	version, subresources := s.requested(ctx)
	obj, err := inVersion(obj, version, s.r.GV)
	if err != nil {
		return append(once(errs), field.InternalError(nil, err))
	}
	if op == operation.Create {
		return once(declared.Merge(errs, declared.Create(ctx, obj, subresources...)))
	}
	if old, err = inVersion(old, version, s.r.GV); err != nil {
		return append(once(errs), field.InternalError(nil, err))
	}
	return once(declared.Merge(errs, declared.Update(ctx, obj, old, subresources...)))
}

// once keeps the first of errors that read the same.
func once(errs field.ErrorList) field.ErrorList {
	if len(errs) < 2 {
		return errs
	}
	said := sets.New[string]()
	return slices.DeleteFunc(slices.Clone(errs), func(e *field.Error) bool {
		text := e.Error()
		if said.Has(text) {
			return true
		}
		said.Insert(text)
		return false
	})
}

// DeclarativeValidationConfig implements rest.DeclarativeValidationStrategy.
func (strategy[T]) DeclarativeValidationConfig(context.Context, runtime.Object, runtime.Object) rest.DeclarativeValidationConfig {
	return rest.DeclarativeValidationConfig{}
}

// requested returns the version and the subresource that a request speaks of. Writes that the server makes itself, or
// on the way of a request to another resource, are of the stored version and the main resource.
func (s strategy[T]) requested(ctx context.Context) (schema.GroupVersion, []string) {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok || info.APIGroup != s.r.GV.Group || info.Resource != s.r.Plural {
		return s.r.GV, nil
	}
	var subresources []string
	if info.Subresource != "" {
		subresources = []string{info.Subresource}
	}
	return schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}, subresources
}

// spoken is the version of a request for the resource, in whichever group that serves it.
func (s strategy[T]) spoken(ctx context.Context) schema.GroupVersion {
	if info, ok := request.RequestInfoFrom(ctx); ok && info.Resource == s.r.Plural {
		return schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}
	}
	return s.r.GV
}

func inVersion(obj runtime.Object, version, stored schema.GroupVersion) (runtime.Object, error) {
	if version == stored {
		return obj, nil
	}
	return scheme.Scheme.ConvertToVersion(obj, version)
}
