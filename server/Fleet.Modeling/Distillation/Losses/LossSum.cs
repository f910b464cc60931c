using Fleet.Contracts.Builds;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>What a student is trained to make small: a weighted sum of losses against the teacher and of the cross entropy with the labels.</summary>
internal sealed class LossSum : IDisposable
{
    private readonly List<(IDistillationLoss Loss, double Weight, IReadOnlyList<FeaturePairSpec> Pairs)> _losses = [];
    private readonly double _labelWeight;
    private readonly double _labelSmoothing;

    /// <param name="spec">The losses and their weights.</param>
    /// <param name="student">What the student can show.</param>
    /// <param name="teacher">What the teacher shows: every name of <see cref="TeacherFeatures"/>.</param>
    /// <param name="classes">Columns of the logits.</param>
    /// <param name="labels">Labels of all training samples.</param>
    /// <param name="seed">Seed of what the losses learn and draw.</param>
    /// <param name="device">Where they compute.</param>
    /// <exception cref="BuildException">A feature is not known, or two cannot be compared.</exception>
    public LossSum(DistillationSpec spec, IEnumerable<Feature> student, IEnumerable<Feature> teacher, int classes, long[] labels, int seed, Device device)
    {
        (_labelWeight, _labelSmoothing) = (spec.LabelWeight(), spec.Training.LabelSmoothing);
        var logits = new Feature(Logits, [classes]);
        Dictionary<string, Feature> ByName(IEnumerable<Feature> features) => features.Append(logits).ToDictionary(feature => feature.Name);
        var (students, teachers) = (ByName(student), ByName(teacher));
        lock (Network.Chance)
        {
            random.manual_seed(seed);
            foreach (var loss in spec.AllLosses().Where(loss => loss.Weight > 0)) _losses.Add((Made(loss), loss.Weight, loss.Pairs));
        }
        StudentFeatures = Distinct(_losses.SelectMany(loss => loss.Pairs).Select(pair => pair.Student));

        IDistillationLoss Made(LossSpec loss)
        {
            try
            {
                var pairs = loss.Pairs.Select(pair => (Known(students, pair.Student, loss.Loss), teachers[pair.Teacher])).ToList();
                return DistillationLosses.ByName[loss.Loss](new LossSetup(loss, pairs, labels, seed) { Device = device });
            }
            catch
            {
                Dispose();
                throw;
            }
        }
    }

    /// <summary>The name under which a pair takes the logits themselves.</summary>
    public const string Logits = "logits";

    /// <summary>What must be tapped from the student.</summary>
    public IReadOnlyList<string> StudentFeatures { get; }

    /// <summary>What the losses of a spec need from the teacher beside its logits.</summary>
    public static IReadOnlyList<string> TeacherFeatures(DistillationSpec spec) => Distinct(spec.AllLosses().Where(loss => loss.Weight > 0).SelectMany(loss => loss.Pairs).Select(pair => pair.Teacher));

    /// <summary>What is trained with the student and goes with the phase.</summary>
    public IEnumerable<TorchSharp.Modules.Parameter> Parameters => _losses.SelectMany(loss => loss.Loss.Parameters);

    /// <summary>Everything that is carried from step to step, for checkpoints.</summary>
    public IEnumerable<Tensor> State => _losses.SelectMany(loss => loss.Loss.State);

    /// <summary>The sum for one batch.</summary>
    /// <param name="logits">The student's logits.</param>
    /// <param name="tap">What was tapped from it: every name of <see cref="StudentFeatures"/>.</param>
    /// <param name="teacher">What the teacher answered.</param>
    /// <param name="labels">Class numbers.</param>
    /// <param name="samples">Which training samples these are.</param>
    /// <param name="step">Number of the step.</param>
    public Tensor Of(Tensor logits, FeatureTap tap, TeacherAnswers teacher, Tensor labels, IReadOnlyList<int> samples, long step)
    {
        Tensor? sum = null;
        void Add(Tensor loss, double weight) => sum = sum is null ? loss * weight : sum + loss * weight;
        foreach (var (loss, weight, pairs) in _losses)
        {
            Add(loss.Of(new LossInputs(logits, teacher.Logits, labels)
            {
                Pairs = [.. pairs.Select(pair => (pair.Student == Logits ? logits : tap[pair.Student], pair.Teacher == Logits ? teacher.Logits : teacher.Features[pair.Teacher]))],
                Samples = samples,
                Step = step,
            }), weight);
        }
        if (_labelWeight > 0) Add(nn.functional.cross_entropy(logits, labels, label_smoothing: _labelSmoothing), _labelWeight);
        return sum ?? throw new InvalidOperationException("There is no loss with a weight.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (loss, _, _) in _losses) loss.Dispose();
    }

    private static Feature Known(Dictionary<string, Feature> features, string name, string loss) => features.TryGetValue(name, out var feature)
        ? feature
        : throw new BuildException($"distillation.losses: loss '{loss}' names the student's '{name}', which it does not have; it has {string.Join(", ", features.Values.Select(known => $"{known.Name} ({string.Join(" x ", known.Shape)})"))}.");

    private static List<string> Distinct(IEnumerable<string> names) => [.. names.Where(name => name != Logits).Distinct()];
}
