package api

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("schemas of custom resources", func() {
	f := New()

	f.It("api/crd-structural", func(ctx SpecContext) {
		try := func(schema string) error {
			_, err := definitions(f).Create(ctx, definition(f, version("v1", schema)), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}
		const in = "spec.validation.openAPIV3Schema"
		Expect(try(`{type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}`)).To(Succeed())
		MustBeInvalid(try(`null`), "spec.versions[0].schema.openAPIV3Schema", "Required value")
		MustBeInvalid(try(`{properties: {spec: {type: object}}}`), in+".type", "must not be empty at the root")
		MustBeInvalid(try(`{type: object, properties: {spec: {description: of no type}}}`), in+".properties[spec].type", "must not be empty for specified object fields")
		MustBeInvalid(try(`{type: object, properties: {spec: {type: array}}}`), in+".properties[spec].items", "must be specified")
		MustBeInvalid(try(`{type: object, properties: {spec: {type: array, uniqueItems: true, items: {type: string}}}}`), in+".properties[spec].uniqueItems")
		MustBeInvalid(try(`{type: object, properties: {metadata: {type: object, properties: {labels: {type: object}}}}}`), in+".properties[metadata]")
		MustBeInvalid(try(`{type: object, properties: {spec: {type: object, properties: {a: {type: string}}, additionalProperties: {type: string}}}}`),
			in+".properties[spec].additionalProperties", "mutual")
	})

	f.It("api/crd-validation", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, required: [spec], properties: {spec: {type: object, required: [host], properties: {
			host: {type: string, minLength: 3, pattern: '^[a-z.]+$'}, color: {type: string, enum: [red, blue]}, size: {type: integer, minimum: 1, maximum: 9},
			ports: {type: array, maxItems: 2, items: {type: integer}}, since: {type: string, format: date-time}}}}}`))
		for fields, want := range map[string]string{
			`{}`:                                    "spec",
			`{spec: {}}`:                            "spec.host",
			`{spec: {host: 7}}`:                     "spec.host",
			`{spec: {host: ab}}`:                    "spec.host",
			`{spec: {host: A.B}}`:                   "spec.host",
			`{spec: {host: a.b, color: green}}`:     "spec.color",
			`{spec: {host: a.b, size: 0}}`:          "spec.size",
			`{spec: {host: a.b, size: 10}}`:         "spec.size",
			`{spec: {host: a.b, size: 1.5}}`:        "spec.size",
			`{spec: {host: a.b, ports: [1, 2, 3]}}`: "spec.ports",
			`{spec: {host: a.b, ports: [http]}}`:    "spec.ports[0]",
			`{spec: {host: a.b, since: today}}`:     "spec.since",
			`{spec: {host: null}}`:                  "spec.host",
		} {
			_, err := c.try(ctx, "v1", "wrong", fields)
			By("a Site with " + fields)
			MustBeInvalid(err, want, `Site.`+c.group+` "wrong" is invalid`)
		}
		c.create(ctx, "v1", "right", `{spec: {host: a.b, color: red, size: 9, ports: [1, 2], since: '2026-01-02T03:04:05Z'}}`)
		_, err := c.patch(ctx, "v1", "right", `{spec: {size: 10}}`)
		MustBeInvalid(err, "spec.size", "should be less than or equal to 9")
		Expect(at(c.get(ctx, "v1", "right"), "spec", "size")).To(BeEquivalentTo(9))
	})

	f.It("api/crd-defaults", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object, default: {}, properties: {
			color: {type: string, default: blue}, tags: {type: array, items: {type: object, properties: {weight: {type: integer, default: 1}, name: {type: string}}}}, size: {type: integer}}}}}`))
		Expect(at(c.create(ctx, "v1", "empty", `{}`), "spec")).To(Equal(map[string]any{"color": "blue"}), "of nothing, defaults make all")
		given := c.create(ctx, "v1", "given", `{spec: {color: red, tags: [{name: a}, {name: b, weight: 5}]}}`)
		Expect(given.Object["spec"]).To(Equal(Fields(`{color: red, tags: [{name: a, weight: 1}, {name: b, weight: 5}]}`)))
		_, err := c.patch(ctx, "v1", "given", `{spec: {color: null}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(at(c.get(ctx, "v1", "given"), "spec", "color")).To(Equal("blue"), "after it was removed")

		// What is stored already shows a new default when it is read.
		c.change(ctx, "{versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, default: {}, properties: {"+
			"color: {type: string, default: blue}, size: {type: integer, default: 3}}}}}}}]}")
		f.WaitUntil(ctx, "stored Sites show the new default", SettleTimeout, func(ctx context.Context) (bool, string) {
			size := at(c.get(ctx, "v1", "empty"), "spec", "size")
			return size == int64(3), fmt.Sprint("spec.size is ", size)
		})
	})

	f.It("api/crd-pruning", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object, properties: {
			host: {type: string}, free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: object, properties: {a: {type: string}}}}},
			each: {type: object, additionalProperties: {type: object, properties: {a: {type: string}}}}}}}}`))
		const fields = `{surprise: 1, spec: {host: h, surprise: 2, free: {any: {thing: 3}, known: {a: x, surprise: 4}}, each: {one: {a: z, surprise: 5}}}}`
		made := c.create(ctx, "v1", "pruned", fields)
		Expect(made.Object).NotTo(HaveKey("surprise"))
		Expect(made.Object["spec"]).To(Equal(Fields(`{host: h, free: {any: {thing: 3}, known: {a: x}}, each: {one: {a: z}}}`)))
		Expect(c.get(ctx, "v1", "pruned").Object["spec"]).To(Equal(made.Object["spec"]))
		_, err := c.try(ctx, "v1", "strict", fields, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		MustRefuse(err, http.StatusBadRequest, `unknown field "surprise"`, `unknown field "spec.surprise"`, `unknown field "spec.free.known.surprise"`, `unknown field "spec.each.one.surprise"`)
	})

	f.It("api/crd-extensions", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {
			port: {x-kubernetes-int-or-string: true}, note: {type: string, nullable: true},
			pod: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true},
			set: {type: array, x-kubernetes-list-type: set, items: {type: string}},
			map: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}, value: {type: string}}}}}}`))
		made := c.create(ctx, "v1", "number", `{port: 80, note: null, pod: {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {any: thing}}, set: [a, b], map: [{name: a}, {name: b}]}`)
		Expect(made.Object).To(And(HaveKeyWithValue("port", BeEquivalentTo(80)), HaveKeyWithValue("note", BeNil())))
		Expect(at(made, "pod", "spec", "any")).To(Equal("thing"))
		c.create(ctx, "v1", "name", `{port: http}`)
		for fields, want := range map[string]string{
			`{port: 1.5}`:       "port",
			`{pod: {spec: {}}}`: "pod.kind",
			`{pod: {apiVersion: v1, kind: Pod, metadata: {name: a%b}}}`: "pod.metadata.name",
			`{set: [a, b, a]}`: "set[2]",
			`{map: [{name: a, value: x}, {name: a, value: z}]}`: "map[1]",
		} {
			_, err := c.try(ctx, "v1", "wrong", fields)
			By("a Site with " + fields)
			MustBeInvalid(err, want)
		}
	})

	f.It("api/crd-rules", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object,
			x-kubernetes-validations: [{rule: 'self.min <= self.max', message: min must not be above max, fieldPath: .min},
				{rule: 'self.max < 100', messageExpression: '"max must be below 100, not " + (self.max == 100 ? "100" : "more")', reason: FieldValueForbidden}],
			properties: {min: {type: integer, default: 0}, max: {type: integer, default: 9}, names: {type: array, maxItems: 5, items: {type: string, maxLength: 20,
				x-kubernetes-validations: [{rule: 'self.startsWith("n-")'}]}}}}}}`))
		c.create(ctx, "v1", "right", `{spec: {min: 1, max: 2, names: [n-a]}}`)
		_, err := c.try(ctx, "v1", "wrong", `{spec: {min: 3, max: 2}}`)
		MustBeInvalid(err, "spec.min", "min must not be above max")
		_, err = c.try(ctx, "v1", "wrong", `{spec: {max: 100}}`)
		MustBeInvalid(err, "spec", "Forbidden", "max must be below 100, not 100")
		_, err = c.try(ctx, "v1", "wrong", `{spec: {names: [n-a, b]}}`)
		MustBeInvalid(err, "spec.names[1]", `failed rule: self.startsWith("n-")`)
		_, err = c.patch(ctx, "v1", "right", `{spec: {min: 5}}`)
		MustBeInvalid(err, "spec.min", "min must not be above max")

		// Rules are checked themselves.
		refused := definition(f, version("v2", `{type: object, x-kubernetes-validations: [{rule: 'self.none == 1'}], properties: {spec: {type: string}}}`))
		refused.SetName("sites." + c.group)
		_, err = definitions(f).Create(ctx, refused, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		MustBeInvalid(err, "spec.validation.openAPIV3Schema.x-kubernetes-validations[0].rule", "compilation failed", "undefined field 'none'")
	})

	f.It("api/crd-transition-rules", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object, properties: {
			class: {type: string, maxLength: 20, x-kubernetes-validations: [{rule: self == oldSelf, message: class cannot be changed}]},
			size: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf, message: size only grows}]}}}}}`))
		c.create(ctx, "v1", "steady", `{spec: {class: gold, size: 3}}`)
		_, err := c.patch(ctx, "v1", "steady", `{spec: {class: iron}}`)
		MustBeInvalid(err, "spec.class", "class cannot be changed")
		_, err = c.patch(ctx, "v1", "steady", `{spec: {size: 2}}`)
		MustBeInvalid(err, "spec.size", "size only grows")
		grown, err := c.patch(ctx, "v1", "steady", `{spec: {size: 4}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(at(grown, "spec", "size")).To(BeEquivalentTo(4))
	})
})
