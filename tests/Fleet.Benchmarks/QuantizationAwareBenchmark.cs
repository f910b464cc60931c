using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Modeling.Worker;
using Fleet.Quantization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Fleet.TestKit;
using Google.Protobuf;

namespace Fleet.Benchmarks;

/// <summary>
/// Fashion-MNIST, a fixed subset of 10,000 training samples: quantized afterwards, trained on the grid, trained on it with a
/// teacher, and in the three phases of QKD, at four widths, each beside a float network trained equally long in the same way.
/// What a run has finished is kept, so that one that was stopped goes on; FLEET_BENCHMARK_STEPS=1 stops it by itself after so
/// many trainings, which leaves a shared machine to others in between.
/// </summary>
internal static class QuantizationAwareBenchmark
{
    private const int TrainingSamples = 10_000;
    private const int BaseEpochs = 20;
    private const int TeacherEpochs = 16;
    private const int StudentWidth = 10;
    private const int TeacherWidth = 20;
    private const int ExtraEpochs = 8;

    /// <summary>The control whose batch normalization is not folded before it is trained further.</summary>
    private const string Unfolded = "control with batch normalization";

    private static readonly int[] Seeds = [1, 2, 3];
    private static readonly int[] Bits = [8, 4, 3, 2];
    private static readonly StudyPhasesSpec Phases = new() { SelfStudying = 2, CoStudying = 2, Tutoring = ExtraEpochs - 4 };
    private static readonly DistillationSpec Distillation = new() { Training = new TrainingSpec { Augment = true } };
    private static readonly string Folder = Repository.PathOf(".artifacts", "quantization-aware");

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        NativeEnvironment.Prepare();
        Directory.CreateDirectory(Folder);
        var steps = int.TryParse(Environment.GetEnvironmentVariable("FLEET_BENCHMARK_STEPS"), CultureInfo.InvariantCulture, out var asked)
            ? asked
            : int.MaxValue;
        return await DedicatedThread.RunAsync("quantization-aware", () => new Run(steps, cancellationToken).Table());
    }

    /// <summary>One figure.</summary>
    private sealed record Figure(int Seed, string Way, int Bits, double Accuracy, double Seconds);

    private sealed class Run(int trainings, CancellationToken cancellationToken)
    {
        private int _left = trainings;
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
            foreach (var seed in Seeds)
            {
                if (!Measure(seed, data, normalization)) return Invariant($"Stopped with {_figures.Count} figures; run it again to go on.");
            }
            return Text(data);
        }

        /// <returns>False when it stopped before the end.</returns>
        private bool Measure(int seed, DataSet data, Normalization normalization)
        {
            var folder = Path.Combine(Folder, $"seed{seed}");
            Directory.CreateDirectory(folder);
            var training = Distillation.Training;
            void Train(string name, NetworkPlan plan, int networkSeed, int epochs, string? longer = null)
            {
                string File(string of) => Path.Combine(folder, of + ".onnx");
                if (System.IO.File.Exists(File(longer ?? name))) return;
                _left--;
                using var network = new Network(plan, normalization, networkSeed);
                TrainingLoop.Run(network, data.Training, data.Validation,
                    new TrainingPhase(name, training with { Epochs = epochs }, networkSeed), Silent(name), cancellationToken);
                CheckedExport.Write(network, File(name), data.Test);
                if (longer is null) return;
                // The same network, its batch normalization kept, for as long as those on the grid are trained.
                var more = training with { Epochs = ExtraEpochs, LearningRate = new QuantizationAwareSpec().LearningRate };
                TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase(longer, more, 1000 + seed),
                    Silent(longer), cancellationToken);
                CheckedExport.Write(network, File(longer), data.Test);
            }
            Train("teacher", Families.Teacher("cnn", TeacherWidth, data.Training.SampleShape, new Classifier(data.Classes.Count)),
                100 + seed, TeacherEpochs);
            if (Stops()) return false;
            Train("student", Families.Student("cnn", StudentWidth, data.Training.SampleShape, new Classifier(data.Classes.Count)), seed,
                BaseEpochs, Unfolded);
            if (Stops()) return false;
            using var teacher = new OnnxTeacher(Path.Combine(folder, "teacher.onnx"), data.Training.SampleShape, data.Classes.Count);
            var student = PreparedModel.From(Path.Combine(folder, "student.onnx"), folder);
            GridCourse Course(string method, int bits) => new(student, data, teacher,
                new QuantizationAwareSpec
                {
                    Method = method,
                    WeightBits = bits,
                    ActivationBits = bits,
                    Epochs = ExtraEpochs,
                    Phases = Phases,
                }, Distillation, 512, 1000 + seed);

            Note(seed, "teacher", 32, () => Accuracy(OnnxFile.Load(teacher.Path), data));
            Note(seed, "student", 32, () => Accuracy(student.Model, data));
            foreach (var bits in Bits) Note(seed, "student", bits, () => Accuracy(Rounded(Course("qat", bits)), data));
            Judge(seed, Unfolded, Course("qat", 8), folder, data);
            foreach (var method in BuildSpecRules.QuantizationAwareMethods)
            {
                if (Stops()) return false;
                Control(seed, method, Course(method, 8), folder, data);
                foreach (var bits in Bits)
                {
                    if (Stops()) return false;
                    Note(seed, method, bits, () =>
                    {
                        _left--;
                        var (scheme, _) = QuantizationAwareTraining.Train(
                            Course(method, bits), IntegerForm.U8S8, folder, Silent($"seed {seed} {method} {bits}"), cancellationToken);
                        OnnxFile.Save(scheme.Model(), Path.Combine(folder, $"{scheme.Name}.onnx"));
                        return Accuracy(scheme.Model(), data);
                    });
                }
            }
            return !Stops() || seed == Seeds[^1];
        }

        private bool Stops() => _left <= 0;

        /// <summary>The float network that goes through the same epochs of the same method, and is then rounded at every width.</summary>
        private void Control(int seed, string method, GridCourse course, string folder, DataSet data)
        {
            var way = ControlOf(method);
            var path = Path.Combine(folder, way + ".onnx");
            if (!File.Exists(path))
            {
                _left--;
                using var graph = new TrainableGraph(course.Student);
                QuantizationAwareTraining.Study(graph, course, folder, Silent($"seed {seed} {way}"), cancellationToken);
                OnnxFile.Save(graph.Model().Model, path);
            }
            Judge(seed, way, course, folder, data);
        }

        /// <summary>A trained float network, as it is and rounded at every width.</summary>
        private void Judge(int seed, string way, GridCourse course, string folder, DataSet data)
        {
            var trained = PreparedModel.From(Path.Combine(folder, way + ".onnx"), folder);
            Note(seed, way, 32, () => Accuracy(trained.Model, data));
            foreach (var bits in Bits)
                Note(seed, way, bits, () =>
                    Accuracy(Rounded(course with
                    {
                        Student = trained,
                        Spec = course.Spec with { WeightBits = bits, ActivationBits = bits },
                    }), data));
        }

        private ModelProto Rounded(GridCourse course)
        {
            var plan = QuantizationPlan.For(course.Student.Graph, IntegerForm.U8S8, new HashSet<string>());
            return QdqWriter.Write(course.Student.Graph, plan, IntegerForm.U8S8,
                QuantizationAwareTraining.Start(course, plan, IntegerForm.U8S8, cancellationToken));
        }

        private void Note(int seed, string way, int bits, Func<double> measure)
        {
            if (_figures.Any(figure => (figure.Seed, figure.Way, figure.Bits) == (seed, way, bits))) return;
            var watch = Stopwatch.StartNew();
            var figure = new Figure(seed, way, bits, measure(), 0) with { Seconds = watch.Elapsed.TotalSeconds };
            _figures.Add(figure);
            File.AppendAllText(_file, JsonSerializer.Serialize(figure) + "\n");
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"seed {seed} {way,-28} {bits,2} bits {figure.Accuracy:P2} {figure.Seconds:0} s"));
        }

        private double Accuracy(ModelProto model, DataSet data)
        {
            using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "the model");
            return Judgement.Accuracy(
                ModelOutputs.Of(session, data.Test.Feeds(session.InputNames[0]), cancellationToken), data.Test.ClassNumbers);
        }

        private string Text(DataSet data)
        {
            var (student, teacher) = (Families.Student("cnn", StudentWidth, data.Training.SampleShape, new Classifier(data.Classes.Count)),
                Families.Teacher("cnn", TeacherWidth, data.Training.SampleShape, new Classifier(data.Classes.Count)));
            var text = new StringBuilder();
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"Fashion-MNIST, a fixed subset of {data.Training.Count + data.Validation.Count:N0} training samples "
                    + $"({data.Validation.Count:N0} of them select the best epoch), the whole test set of {data.Test.Count:N0}; mean and "
                    + $"standard deviation of {Seeds.Length} seeds, test accuracy in percent."));
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"Student: {student.Description}, {student.Parameters():N0} parameters, {BaseEpochs} epochs on the labels. Teacher: "
                    + $"{teacher.Description}, {teacher.Parameters():N0} parameters, {TeacherEpochs} epochs, {Cell("teacher", 32)}."));
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"Everything below the first row is trained {ExtraEpochs} epochs longer at the same learning rate: a control in float and "
                    + $"then rounded with scales of least squared error, the others on the grid (QKD: {Phases.SelfStudying} epochs "
                    + $"self-studying, {Phases.CoStudying} co-studying, {Phases.Tutoring} tutoring). First and last layer have 8 bits "
                    + $"throughout. Every figure is of the exported file in ONNX Runtime's integer kernels."));
            text.AppendLine().AppendLine("| way | fp32 | W8A8 | W4A4 | W3A3 | W2A2 |").AppendLine("|---|---:|---:|---:|---:|---:|");
            void Row(string title, Func<int, string> cell)
                => text.AppendLine(Invariant($"| {title} | {cell(32)} | {string.Join(" | ", Bits.Select(cell))} |"));
            Row("student, quantized afterwards", bits => Cell("student", bits));
            Row("control: float on labels, batch normalization kept", bits => Cell(Unfolded, bits));
            foreach (var (method, learns) in new[]
            {
                ("qat", "on labels"), ("qat-distillation", "with the teacher"), ("qkd", "through QKD's phases"),
            })
            {
                Row($"control: float {learns}", bits => Cell(ControlOf(method), bits));
                Row($"**{method}**", bits => Cell(method, bits));
                string Against(string control, int bits)
                    => bits == 32
                        ? ""
                        : Cell(seed => (AccuracyOf(seed, method, bits) - AccuracyOf(seed, control, bits)) * 100, "+0.00;-0.00");
                Row($"{method} against this control, points", bits => Against(ControlOf(method), bits));
                Row($"{method} against the control that keeps batch normalization, points", bits => Against(Unfolded, bits));
            }
            text.AppendLine().AppendLine("Files of the first seed, against its float student:").AppendLine();
            text.AppendLine("| file | bytes | of fp32 | fp32 latency / its latency |").AppendLine("|---|---:|---:|---:|");
            var folder = Path.Combine(Folder, $"seed{Seeds[0]}");
            string[] files = ["student", .. Bits.Select(bits => $"qat-{new BitWidths(bits, bits)}")];
            var sessions = files.Select(file => OnnxRuntimeSession.Open(Path.Combine(folder, file + ".onnx"))).ToArray();
            var latencies = LatencyRun.Measure(
                [.. sessions.Select(session => (session, (IFeedSource)data.Test.Take(200).Feeds(session.InputNames[0])))],
                cancellationToken);
            var floats = new FileInfo(Path.Combine(folder, "student.onnx")).Length;
            foreach (var (index, file) in files.Index())
            {
                sessions[index].Dispose();
                var bytes = new FileInfo(Path.Combine(folder, file + ".onnx")).Length;
                text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {file} | {bytes:N0} | {(double)bytes / floats:P1} | {latencies[0].P50 / latencies[index].P50:0.00} |"));
            }
            var seconds = _figures.Where(figure => BuildSpecRules.QuantizationAwareMethods.Contains(figure.Way))
                .GroupBy(figure => figure.Way).ToDictionary(group => group.Key, group => group.Average(figure => figure.Seconds));
            text.AppendLine().AppendLine(Rates(data));
            text.AppendLine().Append(
                string.Create(CultureInfo.InvariantCulture, $"Seconds of one training, export and judgement, on a shared machine: "
                    + $"{string.Join(", ", seconds.Select(pair => Invariant($"{pair.Key} {pair.Value:0}")))}."));
            return text.ToString();
        }

        /// <summary>What rounding costs while training: one epoch each, in turns that follow each other, by processor time.</summary>
        private string Rates(DataSet data)
        {
            var folder = Path.Combine(Folder, $"seed{Seeds[0]}");
            var training = Distillation.Training with { Epochs = 1 };
            using var teacher = new OnnxTeacher(Path.Combine(folder, "teacher.onnx"), data.Training.SampleShape, data.Classes.Count);
            var course = new GridCourse(PreparedModel.From(Path.Combine(folder, "student.onnx"), folder), data, teacher,
                new QuantizationAwareSpec { Method = "qat", WeightBits = 4, ActivationBits = 4, Epochs = 1 }, Distillation, 512, 1);
            var plan = QuantizationPlan.For(course.Student.Graph, IntegerForm.U8S8, new HashSet<string>());
            using var network = new Network(
                Families.Student("cnn", StudentWidth, data.Training.SampleShape, new Classifier(data.Classes.Count)),
                Normalization.Measure(data.Training), 1);
            using var folded = new TrainableGraph(course.Student);
            using var rounding = new TrainableGraph(
                course.Student, plan, IntegerForm.U8S8, QuantizationAwareTraining.Start(course, plan, IntegerForm.U8S8, cancellationToken));
            (string Way, Action Epoch)[] ways =
            [
                ("float with batch normalization",
                    () => TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase("rate", training, 1),
                        Silent("rate"), cancellationToken)),
                ("float, folded", () => QuantizationAwareTraining.Study(folded, course, folder, Silent("rate"), cancellationToken)),
                ("on the W4A4 grid", () => QuantizationAwareTraining.Study(rounding, course, folder, Silent("rate"), cancellationToken)),
            ];
            double Rate(Action epoch)
            {
                var before = Environment.CpuUsage.TotalTime;
                epoch();
                return data.Training.Count / (Environment.CpuUsage.TotalTime - before).TotalSeconds;
            }
            foreach (var (_, epoch) in ways) epoch();
            var best = ways.Select(_ => 0.0).ToArray();
            for (var turn = 0; turn < 3; turn++)
            {
                for (var way = 0; way < ways.Length; way++) best[way] = Math.Max(best[way], Rate(ways[way].Epoch));
            }
            return string.Create(CultureInfo.InvariantCulture,
                $"Training samples a processor second on one thread, the best of three epochs in turns: "
                + $"{string.Join(", ", ways.Zip(best).Select(pair => Invariant($"{pair.Second:N0} {pair.First.Way}")))}.");
        }

        private double AccuracyOf(int seed, string way, int bits)
            => _figures.Single(figure => (figure.Seed, figure.Way, figure.Bits) == (seed, way, bits)).Accuracy;

        private string Cell(string way, int bits)
            => _figures.Any(figure => (figure.Way, figure.Bits) == (way, bits))
                ? Cell(seed => AccuracyOf(seed, way, bits) * 100, "0.00")
                : "";

        private static string Cell(Func<int, double> value, string format)
        {
            var values = Seeds.Select(value).ToArray();
            var (mean, count) = (values.Average(), values.Length);
            var deviation = Math.Sqrt(values.Sum(one => (one - mean) * (one - mean)) / Math.Max(1, count - 1));
            return Invariant($"{mean.ToString(format, CultureInfo.InvariantCulture)} ± {deviation:0.00}");
        }

        private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }

    private static string ControlOf(string method) => "control of " + method;

    private static string Data(string name) => Repository.PathOf("..", "shared", "data", "fashion-mnist", name);

    private static Progress Silent(string step) => new(new Ignored(), step, 0, 1);

    private sealed class Ignored : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) { }
    }
}
