namespace Fleet.Architecture.Tests;

/// <summary>Rooms kept apart. Each wall says why it stands; who needs a door moves the wall in the same change and says so.</summary>
public sealed class RoomTests
{
    private const string ServerFeatures = @"Fleet\.Server\.(?:Rollouts|Builds|Releases|Telemetry|Dashboard)";

    /// <summary>Folder, what it must not use, an example of such a use, and the reason.</summary>
    public static readonly TheoryData<string, string, string, string> Walls = new()
    {
        {
            "shared/Fleet.Contracts", @"Fleet\.(?:Server|Agent|Modeling|Quantization|Cli|Platform)", "Fleet.Server.Storage.IFleetStore",
            "contracts are what both sides agree on, never one side"
        },
        {
            "shared/Fleet.Contracts",
            @"System\.(?:Net|Data|IO\.File|IO\.Directory|Diagnostics\.Process)|File|Directory|HttpClient|Process|Socket",
            "File.ReadAllBytes(path)",
            "contracts are pure: bytes and values in, values out, so that every attack on them is a test without setup"
        },
        {
            "shared/Fleet.Contracts", @"DateTime(?:Offset)?\.(?:Utc)?Now|Random\.Shared|Environment", "DateTimeOffset.UtcNow",
            "time and chance are handed in; a verdict depends on its arguments alone"
        },
        {
            "shared/Fleet.Platform", @"Fleet\.(?!Platform\b)\w+", "Fleet.Contracts.Limits",
            "files, processes and signals are the same whatever a program is for"
        },
        {
            "shared/Fleet.Platform",
            @"System\.Net|System\.Text\.Json|HttpClient|Socket|Console|DateTime(?:Offset)?\.(?:Utc)?Now|Random\.Shared",
            "System.Net.Http.HttpClient", "what every program links stays small, says nothing to people, and is handed time and chance"
        },
        {
            "agent", @"Fleet\.(?:Server|Modeling|Quantization|Cli)", "Fleet.Server.Devices.Device",
            "the agent ships to devices; nothing of the server does"
        },
        {
            "agent", "FleetJson", "FleetJson.Default.DesiredState",
            "a context is compiled as a whole, and that one holds the operators' API: a device speaks WireJson"
        },
        {
            "server/Fleet.Server", @"Fleet\.(?:Agent|Modeling|Quantization|Cli)", "Fleet.Modeling.Build",
            "the server knows workers and agents by what they send, so that each can be replaced"
        },
        {
            "server/Fleet.Modeling", @"Fleet\.(?:Agent|Server|Cli)", "Fleet.Server.Builds.Build",
            "a worker is a client like any other and may run on another machine"
        },
        {
            "server/Fleet.Quantization", @"Fleet\.(?:Agent|Server|Cli|Modeling)|TorchSharp", "TorchSharp.torch",
            "any ONNX file can be quantized, judged and proven by any program, on a machine without torch"
        },
        {
            "server/Fleet.Cli", @"Fleet\.(?:Agent|Server|Modeling|Quantization)", "Fleet.Server.FleetOptions",
            "the operator's tool speaks the public API, so that whatever it can do others can"
        },
        {
            "server/Fleet.Server", @"TorchSharp|Microsoft\.ML|Google\.Protobuf", "TorchSharp.torch",
            "the server never loads native model code: a crash there is a failed build, not a dead fleet"
        },
        {
            "server/Fleet.Cli", @"LiteDB|MQTTnet|TorchSharp|Microsoft\.ML", "MQTTnet.MqttClientFactory",
            "the tool runs on laptops and talks HTTP only"
        },
        {
            "server/Fleet.Server/Storage",
            @"Fleet\.Server\.(?:Enrollment|Devices|Builds|Artifacts|Releases|Rollouts|Messaging|Telemetry|"
                + "Access|Certificates|Http|Dashboard)",
            "Fleet.Server.Devices.Device",
            "the store keeps documents and samples; what they mean is the rooms' business, and a second store repeats nothing of it"
        },
        {
            "server/Fleet.Server/Messaging", ServerFeatures, "Fleet.Server.Rollouts.Rollout",
            "the broker carries topics and bytes for the rooms; it must not know them"
        },
        {
            "server/Fleet.Server/Devices", @"Fleet\.Server\.(?:Rollouts|Builds|Dashboard)|MQTTnet", "Fleet.Server.Rollouts.Rollout",
            "a device is what it is whatever is rolled out to it; rooms register with Messaging, not with a broker"
        },
        {
            "server/Fleet.Server/Releases", @"Fleet\.Server\.(?:Rollouts|Messaging|Dashboard)|MQTTnet", "Fleet.Server.Rollouts.Rollout",
            "what is signed does not depend on who gets it, nor when"
        },
        {
            "server/Fleet.Server/Builds", @"Fleet\.Server\.(?:Releases|Rollouts|Messaging|Dashboard)|MQTTnet",
            "Fleet.Server.Messaging.Broker", "building needs no device"
        },
        {
            "server/Fleet.Server/Certificates", @"Fleet\.Server\.(?!Certificates\b|Settings\b)\w+|MQTTnet", "Fleet.Server.Devices.Device",
            "the authority signs; who deserves a certificate is Enrollment's to decide"
        },
        {
            "server/Fleet.Server/Artifacts", @"Fleet\.Server\.(?!Artifacts\b|Storage\b|Settings\b|Http\b|Health\b|Audit\b)\w+|MQTTnet",
            "Fleet.Server.Releases.Release",
            "a file under its digest is the same whoever made it and whoever fetches it; what a sweep removes is said in the audit trail"
        },
        {
            "server/Fleet.Server/Rollouts",
            @"Fleet\.Server\.(?:Builds|Messaging|Telemetry|Dashboard)|MQTTnet|Microsoft\.AspNetCore\.Components",
            "MQTTnet.Server.MqttServer", "rollout rules run without a broker and without a browser"
        },
        {
            "server/Fleet.Server/Canary", @"Fleet\.Server\.(?!Canary\b)\w+|System\.(?:Net|IO)|DateTimeOffset|TimeProvider|Random",
            "Fleet.Server.Storage.IFleetStore",
            "a verdict depends on figures alone, so that ten thousand simulated rollouts take the code that judges real ones"
        },
        {
            "server/Fleet.Server/Targets",
            @"Fleet\.Server\.(?:Rollouts|Builds|Messaging|Telemetry|Dashboard)|MQTTnet|Microsoft\.AspNetCore\.Components",
            "Fleet.Server.Rollouts.Rollout", "what devices converge to does not depend on how it came to be decided"
        },
        {
            "server/Fleet.Server/Telemetry", @"Fleet\.Server\.(?:Rollouts|Builds|Releases|Dashboard)|MQTTnet", "Fleet.Server.Builds.Build",
            "measurements are kept whatever they were taken of"
        },
        {
            "server/Fleet.Server/Enrollment", @"Fleet\.Server\.(?:Rollouts|Builds|Telemetry|Dashboard)|MQTTnet",
            "Fleet.Server.Rollouts.Rollout", "who may join does not depend on what will run there"
        },
        {
            "agent/Fleet.Agent/Disk", @"Fleet\.Agent\.(?!Disk\b)\w+|MQTTnet|Microsoft\.ML", "Fleet.Agent.Link.ServerLink",
            "safe writing is the ground the others stand on"
        },
        {
            "agent/Fleet.Agent/Settings", @"Fleet\.Agent\.(?!Settings\b)\w+|MQTTnet|Microsoft\.ML", "Fleet.Agent.Link.LinkOptions",
            "how settings are bound and checked does not depend on what they are"
        },
        {
            "agent/Fleet.Agent/Children", @"Fleet\.Agent\.(?!Children\b)\w+|MQTTnet|Microsoft\.ML", "Fleet.Agent.Inference.InferenceHost",
            "how a child process is started and watched does not depend on what it does"
        },
        {
            "agent/Fleet.Agent/Facts", @"Fleet\.Agent\.(?!Facts\b|Disk\b)\w+|MQTTnet|Microsoft\.ML", "Fleet.Agent.Link.ServerLink",
            "what a device is does not depend on who asks"
        },
        {
            "agent/Fleet.Agent/Inference", @"Fleet\.Agent\.(?:Deployment|Link|Enrollment|Shelf|Telemetry)|MQTTnet",
            "Fleet.Agent.Link.ServerLink", "applications are served while the server is away and while a deployment fails"
        },
        {
            "agent/Fleet.Agent/Validation", @"Fleet\.Agent\.(?:Deployment|Link|Enrollment|Shelf|Telemetry)|MQTTnet",
            "Fleet.Agent.Deployment.Journal", "a measurement is the same whoever asked for it"
        },
        {
            "agent/Fleet.Agent/Deployment", @"MQTTnet|Microsoft\.ML", "Microsoft.ML.OnnxRuntime.InferenceSession",
            "the agent never loads ONNX Runtime, and a deployment does not care how its order came"
        },
        {
            "agent/Fleet.Agent/Link", @"Microsoft\.ML|Fleet\.Agent\.(?:Inference|Validation|Shelf)", "Fleet.Agent.Shelf.ArtifactShelf",
            "the link carries states and batches; it does not act on them"
        },
        {
            "agent/Fleet.Agent/Shelf", @"Fleet\.Agent\.(?:Deployment|Link|Inference|Validation|Telemetry)|MQTTnet|Microsoft\.ML",
            "Fleet.Agent.Deployment.Journal", "files are kept by digest whatever they are for"
        },
        {
            "server/Fleet.Modeling/Data", @"Fleet\.Modeling\.(?!Data\b|FrontEnds\b)\w+|TorchSharp|Microsoft\.ML", "TorchSharp.torch",
            "samples are numbers before they are tensors of some library"
        },
        {
            "server/Fleet.Quantize", @"Fleet\.(?:Agent|Server|Cli|Modeling)|TorchSharp", "TorchSharp.torch",
            "what quantizes is installed without torch"
        },
        {
            "server/Fleet.Quantization/Onnx", @"Fleet\.Quantization\.(?!Onnx\b)\w+", "Fleet.Quantization.Schemes.IQuantizationScheme",
            "graphs are read and written without knowing why"
        },
        {
            "server/Fleet.Quantization/Requantization", @"Fleet\.Quantization\.(?!Requantization\b|Onnx\b)\w+",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "a model is made float whatever is made of it then"
        },
        {
            "server/Fleet.Quantization/Calibration", @"Fleet\.Quantization\.(?!Calibration\b|Onnx\b)\w+",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "ranges are found the same way whatever is made of them"
        },
        {
            "server/Fleet.Quantization/Weights", @"Fleet\.Quantization\.(?!Weights\b|Calibration\b|Onnx\b)\w+",
            "Fleet.Quantization.Writing.QdqWriter", "rounding weights is arithmetic; what graph they go into is the writer's business"
        },
        {
            "server/Fleet.Quantization/Writing", @"Fleet\.Quantization\.(?!Writing\b|Weights\b|Calibration\b|Onnx\b)\w+",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "graphs are rewritten to a plan, whoever planned"
        },
        {
            "server/Fleet.Quantization/Schemes", @"Fleet\.Quantization\.(?:Techniques|Accuracy|Variants|Choice|Evaluation|Report|Proof)",
            "Fleet.Quantization.Techniques.ITechnique", "a scheme makes a model; whether it is good enough is judged elsewhere"
        },
        {
            "server/Fleet.Quantization/Techniques", @"Fleet\.Quantization\.(?:Accuracy|Variants|Choice|Evaluation|Report|Proof)",
            "Fleet.Quantization.Accuracy.AccuracyControl", "a technique changes the float model; whether it helped is judged elsewhere"
        },
        {
            "server/Fleet.Quantization/Samples", @"Fleet\.Quantization\.(?!Samples\b|Media\b|Onnx\b)\w+",
            "Fleet.Quantization.Evaluation.Baseline", "samples are the same whether they calibrate or judge"
        },
        {
            "server/Fleet.Quantization/Media", @"Fleet\.Quantization\.(?!Media\b)\w+|Microsoft\.ML", "Fleet.Quantization.Onnx.OnnxGraph",
            "pictures and sound are read alike for training and for quantizing, without knowing what takes them"
        },
        {
            "server/Fleet.Quantization/Evaluation", @"Fleet\.Quantization\.(?:Schemes|Techniques|Accuracy|Variants|Choice|Report|Proof)",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "what is judged is the file that ships, whoever made it"
        },
        {
            "server/Fleet.Quantization/Estimates", @"Fleet\.Quantization\.(?!Estimates\b|Onnx\b)\w+",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "an estimate is of a file, whoever made it"
        },
        {
            "server/Fleet.Quantization/Choice", @"Fleet\.Quantization\.(?!Choice\b)\w+|Microsoft\.ML",
            "Fleet.Quantization.Variants.VariantMaker", "the choice is a function of figures"
        },
        {
            "server/Fleet.Quantization/Report", @"Fleet\.Quantization\.(?!Report\b)\w+|Microsoft\.ML",
            "Fleet.Quantization.Variants.VariantMaker", "a page is drawn from a report alone, so that an old one can be drawn again"
        },
        {
            "server/Fleet.Quantization/Proof", @"Fleet\.Quantization\.(?:Schemes|Techniques|Accuracy|Variants|Choice|Report)",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "what is proven is a file, whoever made it"
        },
        {
            "server/Fleet.Quantization/Inspection", @"Fleet\.Quantization\.(?:Schemes|Techniques|Accuracy|Variants|Choice|Report)",
            "Fleet.Quantization.Schemes.IQuantizationScheme", "what is looked into is a file, whoever made it"
        },
        {
            "server/Fleet.Modeling/Students/Layers", @"Fleet\.Modeling\.(?!Students\.Layers\b|Data\b)\w+",
            "Fleet.Modeling.Training.TrainingLoop", "a layer can be read alone: it knows torch and ONNX, not who trains it"
        },
        {
            "server/Fleet.Modeling/Training", @"Fleet\.Modeling\.(?!Training\b|Students\b|Data\b|Torch\b)\w+",
            "Fleet.Modeling.Teachers.OnnxTeacher", "a training makes an objective small, whoever set it"
        },
        {
            "server/Fleet.Modeling/Teachers", @"Fleet\.Modeling\.(?:Distillation|QuantizationAware|Sources|Commands|Worker)",
            "Fleet.Modeling.Distillation.StudentTraining", "a teacher answers; who learns from it is not its business"
        },
        {
            "server/Fleet.Modeling/Distillation",
            @"Fleet\.Modeling\.Worker|Fleet\.Quantization\.(?:Schemes|Techniques|Accuracy|Variants|Choice)|System\.Net",
            "Fleet.Modeling.Worker.BuildWorker", "training needs neither a server nor a target"
        },
        {
            "server/Fleet.Modeling/QuantizationAware", @"Fleet\.Modeling\.Worker|System\.Net", "Fleet.Modeling.Worker.BuildWorker",
            "training on a grid joins training and quantization; it needs no server"
        },
    };

    [Theory]
    [MemberData(nameof(Walls))]
    public void Room_does_not_reach_out(string room, string forbidden, string example, string why)
    {
        _ = example;
        var uses = Source.FilesIn(room).SelectMany(file => Source.UsesOf(forbidden, file.Text).Select(use => $"{file.Path}:{use}"))
            .ToList();
        Assert.True(uses.Count == 0, $"{room} must stay apart: {why}.\n{string.Join('\n', uses)}");
    }

    [Theory]
    [MemberData(nameof(Walls))]
    public void Wall_sees_who_climbs_it(string room, string forbidden, string example, string why)
    {
        _ = why;
        Assert.NotEmpty(Source.FilesIn(room));
        Assert.NotEmpty(Source.UsesOf(forbidden, $"using {example};\nnamespace X;"));
        Assert.NotEmpty(Source.UsesOf(forbidden, $"class X {{ object Y() => {example}; }}"));
        Assert.NotEmpty(Source.UsesOf(forbidden, $"using Alias = global::{example};"));
        Assert.Empty(Source.UsesOf(
            forbidden, $"// {example}\n/* {example} */\nclass X {{ string Y = \"{example}\"; string Z = $\"\"\"{example}\"\"\"; }}"));
        Assert.Empty(Source.UsesOf(forbidden, $"class X {{ object Y() => My{example}; object Z() => of.{example}; }}"));
    }

    [Theory]
    [InlineData("LiteDB", "server/Fleet.Server/Storage", "LiteDB breaks under concurrent use; one room owns it, one thread at a time")]
    [InlineData("MQTTnet", "server/Fleet.Server/Messaging|server/Fleet.Server/Hosting|agent/Fleet.Agent/Link",
        "MQTT is known in one room of each side, so that another broker or client is one room's work")]
    [InlineData(@"Microsoft\.ML",
        "agent/Fleet.Agent/Inference|agent/Fleet.Agent/Validation|server/Fleet.Modeling|server/Fleet.Quantization|server/Fleet.Quantize",
        "native inference runs in processes that may die")]
    [InlineData("TorchSharp", "server/Fleet.Modeling", "torch is 478 MB of native code that may abort")]
    [InlineData("YamlDotNet", "server/Fleet.Cli/Specs", "YAML is for people; on the wire there is JSON")]
    [InlineData(@"Spectre\.Console", "server/Fleet.Cli/Terminal", "what is printed is decided in one room")]
    public void Library_stays_in_its_room(string library, string rooms, string why)
    {
        var allowed = rooms.Split('|');
        var uses = ((string[])["shared", "agent", "server"]).SelectMany(Source.FilesIn)
            .Where(file => !allowed.Any(room => file.Path.StartsWith(room + "/", StringComparison.Ordinal))
                && Path.GetFileName(file.Path) != "Program.cs")
            .SelectMany(file => Source.UsesOf(library, file.Text).Select(use => $"{file.Path}:{use}")).ToList();
        Assert.True(uses.Count == 0, $"{library} belongs in {rooms}: {why}.\n{string.Join('\n', uses)}");
    }
}
