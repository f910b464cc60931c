using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;

namespace Fleet.Quantization.Tests.Accuracy;

/// <summary>Which operators return to float, how many models it takes to find out, and what is said of it.</summary>
public sealed class AccuracyControlTests
{
    [Fact]
    public void Neighbours_that_share_the_rounded_value_between_them_both_return()
    {
        // One channel sixty times larger than the others is written by 'first' and scaled down again by 'second': with
        // either of the two still integer the others are told with four steps.
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        var controlled = chain.Control(steps: []).Quantize(-25, -25, chain.Judge, TestContext.Current.CancellationToken);
        Assert.InRange(controlled.Judged.Loss, double.NegativeInfinity, -25);
        Assert.Equal(["g1", "g2"], controlled.Returned.Select(returned => returned.Output).Order());
        Assert.All(controlled.Returned, returned => Assert.True(returned is { Gain: > 2, Won: > 5 }));
    }

    [Fact]
    public void Techniques_come_first_and_are_named()
    {
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        var controlled = chain.Control([Technique.Equalization, Technique.BiasCorrection])
            .Quantize(-25, -25, chain.Judge, TestContext.Current.CancellationToken);
        Assert.Empty(controlled.Returned);
        Assert.Contains(KnownTechniques.Equalization, controlled.Techniques);
        Assert.True(controlled.SignalToNoise!.Value.Improved > controlled.SignalToNoise.Value.Plain + 5);
    }

    [Fact]
    public void Hundreds_of_operators_take_far_fewer_models_than_one_each()
    {
        using var chain = new Chain(layers: 150, unevenAfter: 77);
        var control = chain.Control(steps: []);
        var controlled = control.Quantize(-25, -25, chain.Judge, TestContext.Current.CancellationToken);
        Assert.InRange(controlled.Judged.Loss, double.NegativeInfinity, -25);
        Assert.Superset(new HashSet<string> { "g77", "g78" }, controlled.Returned.Select(returned => returned.Output).ToHashSet());
        Assert.InRange(controlled.Returned.Count, 2, 4);
        Assert.InRange(chain.ModelsMade, 1, 90);
    }

    [Fact]
    public void Budget_that_cannot_be_met_leaves_the_nearest_model_and_names_the_culprits()
    {
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        var controlled = chain.Control(steps: []).Quantize(-200, -200, chain.Judge, TestContext.Current.CancellationToken);
        Assert.InRange(controlled.Judged.Loss, -200, 0);
        Assert.Equal(["g1", "g2"], controlled.Ranking.Take(2).Select(culprit => culprit.Output).Order());
        Assert.InRange(controlled.Returned.Count, 2, 3);
    }

    [Fact]
    public void Last_quantized_operator_never_returns()
    {
        using var chain = new Chain(layers: 1, unevenAfter: 9);
        var controlled = chain.Control(steps: []).Quantize(-200, -200, chain.Judge, TestContext.Current.CancellationToken);
        Assert.Empty(controlled.Returned);
        Assert.Equal("g1", Assert.Single(controlled.Ranking).Output);
        Assert.InRange(controlled.Judged.Loss, -199, 0);
    }

    [Theory]
    [InlineData(-25, 2)]
    [InlineData(-200, 0)]
    public void Aim_beyond_the_budget_returns_operators_only_where_it_is_reached(double aim, int returned)
    {
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        var controlled = chain.Control(steps: []).Quantize(-1, aim, chain.Judge, TestContext.Current.CancellationToken);
        Assert.Equal(returned, controlled.Returned.Count);
        Assert.InRange(controlled.Judged.Loss, double.NegativeInfinity, returned == 0 ? -1 : aim);
    }

    [Fact]
    public void What_is_tried_is_told()
    {
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        var said = new List<string>();
        chain.Control([Technique.BiasCorrection], said.Add).Quantize(-200, -200, chain.Judge, TestContext.Current.CancellationToken);
        Assert.Equal([
            "bias correction",
            .. Calibrators.All.Where(calibrator => calibrator.Name != "minmax").Select(calibrator => $"{calibrator.Name} calibration"),
            .. Enumerable.Range(1, 6).Select(i => $"ranking layers, {i} of 6"), "3 of 6 layers in float",
            "what was found, made exactly",
        ], said);
    }

    [Fact]
    public void Bias_is_corrected_exactly_for_the_layers_that_were_found_alone()
    {
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        var controlled = chain.Control([Technique.BiasCorrection], others: [])
            .Quantize(-200, -200, chain.Judge, TestContext.Current.CancellationToken);
        Assert.Equal([KnownTechniques.BiasCorrection], controlled.Techniques);
        Assert.Equal(3, controlled.Returned.Count);
        // The plain model, the one that shifts are found of and the corrected one; one for each layer that is ranked;
        // the most that may return, since fewer are not expected to be enough; and again the one of shifts and the last,
        // beside the plain one with as many in float.
        Assert.Equal((1 + 1 + 1) + 6 + 1 + (1 + 1 + 1), chain.ModelsMade);
        Assert.Equal(controlled.Requantize(controlled.Returned.Select(one => one.Output).ToHashSet()), controlled.Model);
    }

    [Fact]
    public void Schemes_that_round_alike_rank_once()
    {
        using var chain = new Chain(layers: 6, unevenAfter: 1);
        List<string>[] said = [[], []];
        var (first, second) = (Ranked(QuantizationSchemes.Int8U8S8, said[0]), Ranked(QuantizationSchemes.Int8U8U8, said[1]));
        Assert.Contains("ranking layers, 6 of 6", said[0]);
        Assert.DoesNotContain(said[1], what => what.StartsWith("ranking", StringComparison.Ordinal));
        Assert.Equal(first, second);

        IReadOnlyList<RankedOperator> Ranked(IQuantizationScheme scheme, List<string> heard)
            => chain.Control(scheme, heard.Add).Quantize(-200, -200, chain.Judge, TestContext.Current.CancellationToken).Ranking;
    }

    /// <summary>What lies before an operator is the float model's: to run it once for all of them ranks them as whole models do.</summary>
    [Theory]
    [InlineData(6)]
    [InlineData(150)]
    public void Running_the_rest_of_a_model_alone_ranks_as_running_the_whole_does(int layers)
    {
        using var chain = new Chain(layers, unevenAfter: 3);
        double[][] gains = [.. new[] { false, true }.Select(inParts => chain.Control(steps: [], others: [], inParts: inParts)
            .Quantize(-200, -200, chain.Judge, TestContext.Current.CancellationToken).Ranking
            .OrderBy(one => one.Output, StringComparer.Ordinal).Select(one => one.Gain).ToArray())];
        Assert.InRange(gains[0].Max(), 2, 40);
        Assert.Equal(layers, gains[1].Length);
        Assert.All(gains[0].Zip(gains[1]), pair => Assert.Equal(pair.First, pair.Second, 0.1));
    }

    /// <summary>Square layers with Relu, one value between two of them uneven.</summary>
    private sealed class Chain : IDisposable
    {
        private const int Width = 16;
        private const float Uneven = 60;
        private readonly ScratchFolder _folder = new();
        private readonly SampleFeeds _samples;
        private readonly float[] _reference;
        private readonly QuantizationSource _source;

        public Chain(int layers, int unevenAfter)
        {
            var builder = new GraphBuilder().Input("v0", -1, Width, 1, 1);
            for (var i = 1; i <= layers; i++)
            {
                builder.Constant(Tensors.Of($"w{i}", Weight(i == unevenAfter, i == unevenAfter + 1), Width, Width, 1, 1))
                    .Node("Conv", [$"v{i - 1}", $"w{i}"], $"g{i}", node => node.Name = node.Output[0]).Node("Relu", [$"g{i}"], $"v{i}");
            }
            OnnxFile.Save(builder.Output($"v{layers}", -1, Width, 1, 1).Build(), _folder.File("m.onnx"));
            var prepared = PreparedModel.From(_folder.File("m.onnx"), _folder.Path);
            _samples = TinyModels.SamplesFor(prepared.Model, 32, seed: 1).Feeds("v0");
            _source = new QuantizationSource(
                prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
            { Samples = _samples, BatchSize = 32 }
                .Recalibrated(prepared, QuantizationSchemes.Int8U8S8, TestContext.Current.CancellationToken);
            _reference = Run(prepared.Model);
        }

        public int ModelsMade { get; private set; }

        public AccuracyControl Control(
            IReadOnlyList<Technique> steps, Action<string>? say = null, IReadOnlyList<ICalibrator>? others = null, bool inParts = false)
            => Control(new Counted(this, steps), say, others, inParts);

        public AccuracyControl Control(
            IQuantizationScheme scheme, Action<string>? say, IReadOnlyList<ICalibrator>? others = null, bool inParts = false)
            => new(scheme, _source, session => ModelOutputs.Of(session, _samples, TestContext.Current.CancellationToken).Values, say)
            {
                OtherCalibrators = others ?? Calibrators.All,
                Feeds = inParts ? _samples : null,
            };

        /// <summary>By its decibels: a budget of -25 asks for 25 dB.</summary>
        public Judged Judge(ModelProto model) => Judged.By(new Closeness(Judgement.SignalToNoise(Run(model), _reference), 1, 1));

        public void Dispose() => _folder.Dispose();

        private float[] Run(ModelProto model)
        {
            using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "test");
            return ModelOutputs.Of(session, _samples, TestContext.Current.CancellationToken).Values;
        }

        /// <summary>A permutation, which keeps a signal alive through hundreds of layers.</summary>
        private static float[] Weight(bool raisesOne, bool lowersOne)
        {
            var values = new float[Width * Width];
            for (var row = 0; row < Width; row++)
            {
                var column = (row + 3) % Width;
                values[row * Width + column] = (raisesOne && row == 0 ? Uneven : 1) / (lowersOne && column == 0 ? Uneven : 1);
            }
            return values;
        }

        private sealed class Counted(Chain chain, IReadOnlyList<Technique> steps) : IQuantizationScheme
        {
            private static readonly IQuantizationScheme Inner = QuantizationSchemes.Int8U8S8;

            public string Name => Inner.Name;

            public string Suffix => Inner.Suffix;

            public IReadOnlyList<Technique> Helpers => steps;

            public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => Inner.CalibratedValues(graph);

            public IReadOnlyList<string> OperatorsOf(OnnxGraph graph) => Inner.OperatorsOf(graph);

            public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
            {
                chain.ModelsMade++;
                return Inner.Apply(source, keptFloat);
            }
        }
    }
}
