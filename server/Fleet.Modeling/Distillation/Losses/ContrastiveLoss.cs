using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>contrastive</c>: contrastive representation distillation (CRD: Tian, Krishnan, Isola, arXiv 1910.10699), averaged over the
/// pairs. Both sides are mapped by a learned linear layer onto the unit sphere of 128 dimensions. With h(u, v) =
/// e^(u.v / T) / Z, k negatives and N samples, a sample's loss is
/// -log(h(s, t) / (h(s, t) + k/N)) - sum over negatives of log((k/N) / (h(s, t') + k/N)), and the same with the sides exchanged.
/// </summary>
/// <remarks>
/// Partners come from a memory bank of every training sample's embedding on each side, N x 128 floats each (10 MB for 10,000
/// samples and both), moved halfway to the new embedding whenever the sample is seen. Z is fixed by the first batch. Negatives
/// are samples of other classes, as in the authors' code; a batch shares one draw of them, which makes the sum a matrix
/// product. They use 16,384 of 50,000: here a quarter of the samples, at most 4096. Maps enter as their mean over positions.
/// </remarks>
internal sealed class ContrastiveLoss : IDistillationLoss
{
    private const int Dimension = 128;
    private const int MaximumNegatives = 4096;
    private const double Momentum = 0.5;
    private const double Epsilon = 1e-7;

    private readonly LossSetup _setup;
    private readonly long[] _classes;
    private readonly double _temperature;
    private readonly int _negatives;
    private readonly Side[] _pairs;

    public ContrastiveLoss(LossSetup setup)
    {
        _setup = setup;
        _classes = ((ClassLabels)setup.Labels).Numbers;
        _temperature = setup.Setting("temperature");
        _negatives = Math.Min(_classes.Length,
            (int)(setup.OptionalSetting("negatives") ?? Math.Clamp(_classes.Length / 4, 1, MaximumNegatives)));
        _pairs = [.. setup.Pairs.Select(pair => new Side(setup, pair.Student, pair.Teacher))];
    }

    /// <inheritdoc/>
    public string Name => "contrastive";

    /// <inheritdoc/>
    public IEnumerable<TorchSharp.Modules.Parameter> Parameters
        => _pairs.SelectMany(pair => pair.Student.parameters().Concat(pair.Teacher.parameters()));

    /// <inheritdoc/>
    public IEnumerable<Tensor> State
        => Parameters.Concat<Tensor>(_pairs.SelectMany(pair => (Tensor[])[pair.StudentBank, pair.TeacherBank, pair.Normalizers]));

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
    {
        var drawn = Draw(inputs.Step);
        var own = tensor(inputs.Samples.Select(sample => (long)sample).ToArray(), device: _setup.Device);
        var others = tensor(drawn, device: _setup.Device);
        var classes = tensor(drawn.Select(sample => _classes[sample]).ToArray(), device: _setup.Device);
        var different = inputs.Labels.unsqueeze(1).ne(classes.unsqueeze(0)).to_type(_setup.Type);
        return inputs.Pairs.Zip(_pairs).Select(pair => Loss(pair.Second, pair.First.Student, pair.First.Teacher, own, others, different))
            .Aggregate((sum, next) => sum + next) / _pairs.Length;
    }

    /// <summary>The samples that a step's are told apart from.</summary>
    internal long[] Draw(long step)
    {
        var random = new Random(unchecked(_setup.Seed * 397 ^ (int)step));
        if (_negatives == _classes.Length) return [.. Enumerable.Range(0, _negatives).Select(sample => (long)sample)];
        return [.. Enumerable.Range(0, _negatives).Select(_ => (long)random.Next(_classes.Length))];
    }

    private Tensor Loss(Side side, Tensor student, Tensor teacher, Tensor own, Tensor others, Tensor different)
    {
        var s = functional.normalize(side.Student.call(FeatureForms.Embedding(student, side.ChannelsLast)), dim: 1);
        var t = functional.normalize(side.Teacher.call(FeatureForms.Embedding(teacher, side.ChannelsLast)), dim: 1);
        var loss = Contrast(s, side.TeacherBank, side.Normalizers, 0, own, others, different)
            + Contrast(t, side.StudentBank, side.Normalizers, 1, own, others, different);
        using (no_grad())
        {
            Remember(side.StudentBank, own, s);
            Remember(side.TeacherBank, own, t);
        }
        return loss;
    }

    private Tensor Contrast(Tensor anchors, Tensor bank, Tensor normalizers, int place, Tensor own, Tensor others, Tensor different)
    {
        var right = ((anchors * bank.index_select(0, own)).sum(1) / _temperature).exp();
        var wrong = (anchors.matmul(bank.index_select(0, others).t()) / _temperature).exp();
        if (normalizers[place].ToDouble() == 0)
        {
            using var fixedHere = no_grad();
            normalizers[place] = (right.sum() + (wrong * different).sum()) / (different.sum() + right.size(0)) * bank.size(0);
        }
        // As a number: a tensor that is written again would be missing on the way back.
        var z = normalizers[place].ToDouble();
        (right, wrong) = (right / z, wrong / z);
        var chance = (different.sum(1) / bank.size(0)).clamp(min: 1.0 / bank.size(0));
        var noise = chance.unsqueeze(1);
        var loss = (right / (right + chance + Epsilon)).log().sum() + ((noise / (wrong + noise + Epsilon)).log() * different).sum();
        return -loss / right.size(0);
    }

    private static void Remember(Tensor bank, Tensor own, Tensor embeddings)
        => bank.index_copy_(0, own, functional.normalize(bank.index_select(0, own) * Momentum + embeddings * (1 - Momentum), dim: 1));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pair in _pairs) pair.Dispose();
    }

    /// <summary>The maps and the memory of one pair.</summary>
    private sealed class Side : IDisposable
    {
        public Side(LossSetup setup, Feature student, Feature teacher)
        {
            ChannelsLast = student.ChannelsLast;
            Student = Linear(student.Channels, Dimension, device: setup.Device, dtype: setup.Type);
            Teacher = Linear((teacher with { ChannelsLast = ChannelsLast }).Channels, Dimension, device: setup.Device, dtype: setup.Type);
            using var scope = NewDisposeScope();
            var bound = 1 / Math.Sqrt(Dimension / 3.0);
            Tensor Bank() => (rand(setup.Labels.Count, Dimension, setup.Type) * (2 * bound) - bound)
                .to(setup.Device).DetachFromDisposeScope();
            (StudentBank, TeacherBank) = (Bank(), Bank());
            Normalizers = zeros(2, setup.Type, setup.Device).DetachFromDisposeScope();
        }

        public bool ChannelsLast { get; }

        public TorchSharp.Modules.Linear Student { get; }

        public TorchSharp.Modules.Linear Teacher { get; }

        public Tensor StudentBank { get; }

        public Tensor TeacherBank { get; }

        /// <summary>Z of either side; 0 before the first batch.</summary>
        public Tensor Normalizers { get; }

        public void Dispose()
        {
            foreach (var part in (IDisposable[])[Student, Teacher, StudentBank, TeacherBank, Normalizers]) part.Dispose();
        }
    }
}
