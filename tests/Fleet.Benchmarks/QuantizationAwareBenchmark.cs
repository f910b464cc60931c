using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Modeling;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.QuantizationAware;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Fleet.Modeling.Quantization;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Worker;
using Fleet.TestKit;
using Google.Protobuf;

namespace Fleet.Benchmarks;

/// <summary>
/// Fashion-MNIST, a fixed subset of 10,000 training samples: quantized afterwards, trained on the grid, trained on it with a
/// teacher, and in the three phases of QKD, at four widths, each beside a float network trained equally long in the same way.
/// What a run has finished is kept, so that one that was stopped goes on.
/// </summary>
internal static class QuantizationAwareBenchmark
{
    private const int TrainingSamples = 10_000;
    private const int BaseEpochs = 20;
    private const int TeacherEpochs = 20;
    private const int StudentWidth = 10;
    private const int TeacherWidth = 20;
    private const int ExtraEpochs = 8;

    private static readonly int[] Seeds = [1, 2, 3];
    private static readonly int[] Bits = [8, 4, 3, 2];
    private static readonly StudyPhasesSpec Phases = new() { SelfStudying = 2, CoStudying = 2, Tutoring = ExtraEpochs - 4 };
    private static readonly DistillationSpec Distillation = new() { Training = new TrainingSpec { Augment = true } };
    private static readonly string Folder = Repository.PathOf(".artifacts", "quantization-aware");

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        NativeEnvironment.Prepare();
        Directory.CreateDirectory(Folder);
        return await DedicatedThread.RunAsync("quantization-aware", () => new Run(cancellationToken).Table());
    }

    /// <summary>One figure.</summary>
    private sealed record Figure(int Seed, string Way, int Bits, double Accuracy, double Seconds);

    private sealed class Run(CancellationToken cancellationToken)
    {
        private readonly string _file = Path.Combine(Folder, "figures.jsonl");
        private readonly List<Figure> _figures = [];

        public string Table()
        {
            if (File.Exists(_file)) _figures.AddRange(File.ReadLines(_file).Select(line => JsonSerializer.Deserialize<Figure>(line)!));
            // The subset is the same for every seed; what a seed changes is weights, order and augmentation.
            var data = DataSets.Load(new DataSpec
            {
                Kind = "idx",
                Train = Data("train-images-idx3-ubyte.gz"),
                TrainLabels = Data("train-labels-idx1-ubyte.gz"),
                Test = Data("t10k-images-idx3-ubyte.gz"),
                TestLabels = Data("t10k-labels-idx1-ubyte.gz"),
                Samples = TrainingSamples,
            }, 3, seed: 1);
            var normalization = Normalization.Measure(data.Training);
            foreach (var seed in Seeds) Measure(seed, data, normalization);
            return Text(data);
        }

        private void Measure(int seed, DataSet data, Normalization normalization)
        {
            var folder = Path.Combine(Folder, $"seed{seed}");
            Directory.CreateDirectory(folder);
            var training = Distillation.Training;
            void Train(string name, NetworkPlan plan, int networkSeed, int epochs)
            {
                var path = Path.Combine(folder, name + ".onnx");
                if (File.Exists(path)) return;
                using var network = new Network(plan, normalization, networkSeed);
                TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase(name, training with { Epochs = epochs }, networkSeed), Silent(name), cancellationToken);
                CheckedExport.Write(network, path, data.Test);
            }
            Train("teacher", Families.Teacher("cnn", TeacherWidth, data.Training.SampleShape, data.Classes.Count), 100 + seed, TeacherEpochs);
            Train("student", Families.Student("cnn", StudentWidth, data.Training.SampleShape, data.Classes.Count), seed, BaseEpochs);
            using var teacher = new OnnxTeacher(Path.Combine(folder, "teacher.onnx"), data.Training.SampleShape, data.Classes.Count);
            var student = PreparedModel.From(Path.Combine(folder, "student.onnx"), folder);
            GridCourse Course(string method, int bits) => new(student, data, teacher,
                new QuantizationAwareSpec { Method = method, WeightBits = bits, ActivationBits = bits, Epochs = ExtraEpochs, Phases = Phases }, Distillation, 512, 1000 + seed);

            Note(seed, "teacher", 32, () => Accuracy(OnnxFile.Load(teacher.Path), data));
            Note(seed, "student", 32, () => Accuracy(student.Model, data));
            foreach (var bits in Bits) Note(seed, "student", bits, () => Accuracy(Rounded(Course("qat", bits)), data));
            foreach (var method in BuildSpecRules.QuantizationAwareMethods)
            {
                Control(seed, method, Course(method, 8), folder, data);
                foreach (var bits in Bits)
                {
                    Note(seed, method, bits, () =>
                    {
                        var (scheme, _) = QuantizationAwareTraining.Train(Course(method, bits), IntegerForm.U8S8, folder, Silent($"seed {seed} {method} {bits}"), cancellationToken);
                        OnnxFile.Save(scheme.Model(), Path.Combine(folder, $"{scheme.Name}.onnx"));
                        return Accuracy(scheme.Model(), data);
                    });
                }
            }
        }

        /// <summary>The float network that goes through the same epochs of the same method, and is then rounded at every width.</summary>
        private void Control(int seed, string method, GridCourse course, string folder, DataSet data)
        {
            var way = "control of " + method;
            var path = Path.Combine(folder, way + ".onnx");
            if (!File.Exists(path))
            {
                using var graph = new TrainableGraph(course.Student);
                QuantizationAwareTraining.Study(graph, course, folder, Silent($"seed {seed} {way}"), cancellationToken);
                OnnxFile.Save(graph.Model().Model, path);
            }
            var trained = PreparedModel.From(path, folder);
            Note(seed, way, 32, () => Accuracy(trained.Model, data));
            foreach (var bits in Bits)
                Note(seed, way, bits, () => Accuracy(Rounded(course with { Student = trained, Spec = course.Spec with { WeightBits = bits, ActivationBits = bits } }), data));
        }

        private ModelProto Rounded(GridCourse course)
        {
            var plan = QuantizationPlan.For(course.Student.Graph, IntegerForm.U8S8, new HashSet<string>());
            return QdqWriter.Write(course.Student.Graph, plan, IntegerForm.U8S8, QuantizationAwareTraining.Start(course, plan, IntegerForm.U8S8, cancellationToken));
        }

        private void Note(int seed, string way, int bits, Func<double> measure)
        {
            if (_figures.Any(figure => (figure.Seed, figure.Way, figure.Bits) == (seed, way, bits))) return;
            var watch = Stopwatch.StartNew();
            var figure = new Figure(seed, way, bits, measure(), 0) with { Seconds = watch.Elapsed.TotalSeconds };
            _figures.Add(figure);
            File.AppendAllText(_file, JsonSerializer.Serialize(figure) + "\n");
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed} {way,-28} {bits,2} bits {figure.Accuracy:P2} {figure.Seconds:0} s"));
        }

        private double Accuracy(ModelProto model, DataSet data)
        {
            using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "the model");
            return Judgement.Accuracy(ModelOutputs.Of(session, new SampleFeeds(session.InputNames[0], data.Test), cancellationToken), data.Test.Labels);
        }

        private string Text(DataSet data) => $"{_figures.Count} figures, {data.Test.Count}";
    }

    private static string Data(string name) => Repository.PathOf("..", "shared", "data", "fashion-mnist", name);

    private static Progress Silent(string step) => new(new Ignored(), step, 0, 1);

    private sealed class Ignored : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) { }
    }
}
