package apimachinery

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

const (
	team       = "team"
	checkpoint = "0b7b4f1e-5a3e-4d0c-9a53-5f4f0a7c1e11"
	foreign    = "registry.example/fermata/" + checkpoint + "/main:1"
)

type podOption func(*corev1.Pod)

func podOf(options ...podOption) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "a"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/work:1"}}},
	}
	for _, option := range options {
		option(pod)
	}
	return pod
}

func controlledBy(kind string, isController bool) podOption {
	return func(pod *corev1.Pod) {
		owner := metav1.OwnerReference{APIVersion: "v1", Kind: kind, Name: "owner", UID: "u"}
		if isController {
			owner.Controller = &isController
		}
		pod.OwnerReferences = append(pod.OwnerReferences, owner)
	}
}

func annotated(key, value string) podOption {
	return func(pod *corev1.Pod) {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[key] = value
	}
}

func restoring(from string) podOption { return annotated("fermata.dev/restore-from", from) }

func image(name string) podOption {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = name }
}

func initImage(name string) podOption {
	return func(pod *corev1.Pod) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: "init", Image: name})
	}
}

func debugImage(name string) podOption {
	return func(pod *corev1.Pod) {
		common := corev1.EphemeralContainerCommon{Name: "debug", Image: name}
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: common})
	}
}

func mounting(reference string) podOption {
	return func(pod *corev1.Pod) {
		image := corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: reference}}
		scratch := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "scratch", VolumeSource: scratch}, corev1.Volume{Name: "image", VolumeSource: image})
	}
}

func containers(count int) podOption {
	return func(pod *corev1.Pod) {
		for index := range count {
			name := fmt.Sprintf("c%d", index)
			long := "registry.example/" + strings.Repeat("long/", 40) + name
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Image: long})
		}
	}
}

// Where is the pod, is it new, and what does the API server do with it? Webhooks are named without their domain.
var webhookCases = map[string]struct {
	awaited     bool
	old         *corev1.Pod
	pod         *corev1.Pod
	subresource string
	asked       string
	// Whether the pod comes in though the webhook is down.
	admittedUnasked bool
}{
	"a pod of nobody comes in unasked":                               {pod: podOf(), admittedUnasked: true},
	"so it does where a replacement is awaited":                      {awaited: true, pod: podOf(), admittedUnasked: true},
	"a controlled pod is asked about, and comes in without":          {pod: podOf(controlledBy("Job", true)), asked: "pods", admittedUnasked: true},
	"where a replacement is awaited it does not":                     {awaited: true, pod: podOf(controlledBy("Job", true)), asked: "replacements"},
	"an owner that is no controller does not count":                  {awaited: true, pod: podOf(controlledBy("ConfigMap", false)), admittedUnasked: true},
	"a controller among owners does":                                 {awaited: true, pod: podOf(controlledBy("ConfigMap", false), controlledBy("StatefulSet", true)), asked: "replacements"},
	"a pod that names a checkpoint is asked about once":              {pod: podOf(restoring("c")), asked: "restores"},
	"a controlled one, too":                                          {awaited: true, pod: podOf(controlledBy("Job", true), restoring("c")), asked: "restores"},
	"an annotation of another does not count":                        {pod: podOf(annotated("a", "b")), admittedUnasked: true},
	"a checkpoint's image is asked about":                            {pod: podOf(image(foreign)), asked: "restores"},
	"a checkpoint's image to begin with is, too":                     {pod: podOf(initImage(foreign)), asked: "restores"},
	"a checkpoint's image as a volume is asked about":                {pod: podOf(mounting(foreign)), asked: "restores"},
	"another image as a volume is not":                               {pod: podOf(mounting("registry.example/model:1")), admittedUnasked: true},
	"a controlled pod with one is asked about twice":                 {awaited: true, pod: podOf(controlledBy("Job", true), image(foreign)), asked: "restores replacements"},
	"a folder of that name is no checkpoint's image":                 {pod: podOf(image("registry.example/fermata/agent:1")), admittedUnasked: true},
	"a container without an image is no fault":                       {pod: podOf(image("")), admittedUnasked: true},
	"a change of what restores is not asked about":                   {old: podOf(restoring("c")), pod: podOf(restoring("c"), annotated("a", "b")), admittedUnasked: true},
	"naming another checkpoint is":                                   {old: podOf(restoring("c")), pod: podOf(restoring("d")), asked: "restores"},
	"naming one in a pod that exists is":                             {old: podOf(), pod: podOf(restoring("c")), asked: "restores"},
	"so where it had other annotations":                              {old: podOf(annotated("a", "b")), pod: podOf(annotated("a", "b"), restoring("c")), asked: "restores"},
	"naming none any more is not":                                    {old: podOf(restoring("c")), pod: podOf(), admittedUnasked: true},
	"a change of a controlled pod is not":                            {awaited: true, old: podOf(controlledBy("Job", true)), pod: podOf(controlledBy("Job", true), annotated("a", "b")), admittedUnasked: true},
	"another image, a checkpoint's, is":                              {old: podOf(), pod: podOf(image(foreign)), asked: "restores"},
	"the same image of a checkpoint is not":                          {old: podOf(image(foreign)), pod: podOf(image(foreign), annotated("a", "b")), admittedUnasked: true},
	"a debug container of a checkpoint's image is":                   {old: podOf(), pod: podOf(debugImage(foreign)), subresource: "ephemeralcontainers", asked: "restores"},
	"another debug container is not":                                 {old: podOf(), pod: podOf(debugImage("registry.example/busybox:1")), subresource: "ephemeralcontainers", admittedUnasked: true},
	"a debug container beside a checkpoint's image that is there is": {old: podOf(image(foreign)), pod: podOf(image(foreign), debugImage("registry.example/busybox:1")), subresource: "ephemeralcontainers", asked: "restores"},
	"a status is not asked about":                                    {old: podOf(restoring("c")), pod: podOf(restoring("d")), subresource: "status", admittedUnasked: true},
	"a pod of hundreds of containers is within the budget":           {pod: podOf(containers(500)), admittedUnasked: true},
	"and so is its change":                                           {old: podOf(containers(500)), pod: podOf(containers(501)), admittedUnasked: true},
}

func TestWebhookIsAskedAboutWhatItMustKnow(t *testing.T) {
	var lock sync.Mutex
	var asked []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		lock.Lock()
		asked = append(asked, path.Base(request.URL.Path))
		lock.Unlock()
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		response.Header().Set("content-type", "application/json")
		_ = json.NewEncoder(response).Encode(review)
	}))
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, one := range webhookCases {
		t.Run(name, func(t *testing.T) {
			asked = nil
			if err := admit(t, one.awaited, server.URL, certificate, one.pod, one.old, one.subresource); err != nil {
				t.Errorf("with the webhook there: %v", err)
			}
			if got := strings.Join(asked, " "); got != one.asked {
				t.Errorf("asked: %q, not %q", got, one.asked)
			}
			err := admit(t, one.awaited, "https://127.0.0.1:1", certificate, one.pod, one.old, one.subresource)
			if (err == nil) != one.admittedUnasked {
				t.Errorf("with the webhook down: %v", err)
			}
		})
	}
}

// What kube-apiserver compiles when the configuration is written, and refuses it by.
func TestConditionsCompile(t *testing.T) {
	compiler := cel.NewCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	for _, webhook := range configuration(t).Webhooks {
		if len(webhook.MatchConditions) == 0 {
			t.Errorf("%s has no conditions", webhook.Name)
		}
		for _, condition := range webhook.MatchConditions {
			expression := matchconditions.MatchCondition(condition)
			declared := cel.OptionalVariableDeclarations{HasAuthorizer: true}
			if result := compiler.CompileCELExpression(&expression, declared, environment.NewExpressions); result.Error != nil {
				t.Errorf("%s: %v", webhook.Name, result.Error)
			}
		}
	}
}

func configuration(t *testing.T) registration.MutatingWebhookConfiguration {
	text, err := os.ReadFile("../../deploy/manifests/webhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var found registration.MutatingWebhookConfiguration
	// Documents follow; the configuration is the first.
	if err := yaml.UnmarshalStrict([]byte(strings.Split(string(text), "\n---\n")[0]), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// One pod's way through kube-apiserver's own admission plugin, configured by the manifest.
func admit(t *testing.T, awaited bool, address string, authorities []byte, pod, old *corev1.Pod, subresource string) error {
	found := configuration(t)
	for index := range found.Webhooks {
		webhook := &found.Webhooks[index]
		to, err := url.JoinPath(address, strings.TrimSuffix(webhook.Name, ".fermata.dev"))
		if err != nil {
			t.Fatal(err)
		}
		webhook.ClientConfig = registration.WebhookClientConfig{URL: &to, CABundle: authorities}
		// As SetDefaults_MutatingWebhook.
		webhook.ObjectSelector = &metav1.LabelSelector{}
		equivalent, never := registration.Equivalent, registration.NeverReinvocationPolicy
		webhook.MatchPolicy, webhook.ReinvocationPolicy = &equivalent, &never
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}}
	if awaited {
		namespace.Labels = map[string]string{"fermata.dev/awaits-replacement": "true"}
	}
	client := fake.NewSimpleClientset(namespace, &found)
	factory := informers.NewSharedInformerFactory(client, 0)
	plugin, err := mutating.NewMutatingWebhook(nil)
	if err != nil {
		t.Fatal(err)
	}
	plugin.SetExternalKubeClientSet(client)
	plugin.SetExternalKubeInformerFactory(factory)
	if err := plugin.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer factory.Shutdown()
	defer stop()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	operation, options := admission.Create, runtime.Object(&metav1.CreateOptions{})
	var before runtime.Object
	if old != nil {
		operation, options, before = admission.Update, &metav1.UpdateOptions{}, old.DeepCopy()
	}
	attributes := admission.NewAttributesRecord(pod.DeepCopy(), before, corev1.SchemeGroupVersion.WithKind("Pod"), team, pod.Name,
		corev1.SchemeGroupVersion.WithResource("pods"), subresource, operation, options, false, &user.DefaultInfo{Name: "alice"})
	return plugin.Admit(ctx, attributes, admission.NewObjectInterfacesFromScheme(scheme))
}
