using System.Globalization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Accuracy;

/// <summary>How many operators are ranked one by one.</summary>
/// <param name="Singly">Up to so many are; of more, neighbours are ranked together first.</param>
/// <param name="Opened">Groups of neighbours whose members are then ranked one by one.</param>
internal sealed record RankingDetail(int Singly, int Opened)
{
    /// <summary>Nearly every operator by itself.</summary>
    public static readonly RankingDetail Full = new(64, 8);
}

/// <summary>
/// Ranks operators by how much of the output's error each makes. Each is judged by the error of a model in which it alone is
/// quantized. Returning one operator of a quantized model to float tells less: two neighbours share the rounded value between them,
/// and while either is an integer operator the error stays.
/// </summary>
/// <param name="scheme">Makes the models.</param>
/// <param name="from">The float model, its histograms and samples.</param>
/// <param name="samples">The samples that rank.</param>
/// <param name="say">Told how far it is.</param>
/// <param name="detail">How many are ranked one by one.</param>
/// <param name="cancellationToken">Stops between models.</param>
internal sealed class OperatorRanking(
    IQuantizationScheme scheme, QuantizationSource from, RankingSamples samples, Action<string>? say, RankingDetail detail,
    CancellationToken cancellationToken)
{
    private readonly IReadOnlyList<string> _all = scheme.OperatorsOf(from.Model.Graph);
    private int _ranked;
    private bool _isCutShort;

    /// <summary>The samples that rank, where the part of a model that lies before what is ranked may be run once for all.</summary>
    public IFeedSource? Feeds { get; init; }

    /// <summary>When it gives up: half a ranking would return the wrong operators.</summary>
    public Deadline Deadline { get; init; } = Deadline.None;

    private int GroupSize => GroupSizeOf(_all.Count, detail);

    /// <summary>Models that ranking so many operators takes.</summary>
    public static int RunsOf(int operators, RankingDetail detail)
    {
        var size = GroupSizeOf(operators, detail);
        var groups = (operators + size - 1) / size;
        return size == 1 ? operators : groups + Math.Min(groups, detail.Opened) * size;
    }

    private static int GroupSizeOf(int operators, RankingDetail detail)
        => Math.Max(1, (operators + detail.Singly - 1) / detail.Singly);

    /// <summary>
    /// The operators, the one that makes most of the error at the front; null when the time was up before all were judged.
    /// </summary>
    public List<RankedOperator>? Rank()
    {
        Noise[] noises = [.. GroupSize == 1 ? Singly(_all) : Grouped()];
        if (_isCutShort) return null;
        var total = noises.Sum(one => one.Power);
        return [
            .. noises.OrderByDescending(one => one.Power)
                .Select(one => new RankedOperator(one.Output, total > 0 ? -10 * Math.Log10(Math.Max(1 - one.Power / total, 1e-9)) : 0)),
        ];
    }

    private IEnumerable<Noise> Singly(IEnumerable<string> outputs)
        => PowersOf([.. outputs.Select(output => new[] { output })]).Select(one => new Noise(one.Outputs[0], one.Power));

    private IEnumerable<Noise> Grouped()
    {
        var noisiest = PowersOf([.. _all.Chunk(GroupSize)]).OrderByDescending(group => group.Power).ToArray();
        return
        [
            .. Singly(noisiest.Take(detail.Opened).SelectMany(group => group.Outputs)),
            .. noisiest.Skip(detail.Opened)
                .SelectMany(group => group.Outputs.Select(output => new Noise(output, group.Power / group.Outputs.Length))),
        ];
    }

    /// <summary>Each group with what it makes of the error, from the front of the model to its end.</summary>
    private List<(string[] Outputs, double Power)> PowersOf(IReadOnlyList<string[]> groups)
    {
        var places = new Dictionary<string, int>();
        foreach (var (place, node) in from.Model.Graph.Graph.Node.Index()) places.TryAdd(node.OutputAt(0) ?? "", place);
        // What lies within another operator has no place, and none of the group that has one is float up to there.
        string FirstOf(string[] group) => group.MinBy(output => places.GetValueOrDefault(output, -1))!;
        using var tail = Feeds is null ? null : TailRun.Over(from, Feeds, cancellationToken);
        return [
            .. groups.Select(group => (Outputs: group, First: FirstOf(group)))
                .OrderBy(group => places.GetValueOrDefault(group.First, int.MaxValue))
                .Select(group => (group.Outputs, PowerOf(group.Outputs, group.First, tail))),
        ];
    }

    /// <summary>Power of the error, over that of the signal, when these operators alone are quantized.</summary>
    private double PowerOf(string[] alone, string first, TailRun? tail)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_isCutShort |= Deadline.HasPassed) return 0;
        say?.Invoke(string.Create(CultureInfo.InvariantCulture, $"ranking layers, {++_ranked} of {RunsOf(_all.Count, detail)}"));
        // All others are float, whatever the scheme makes of those that it keeps.
        var others = _all.Except(alone).ToHashSet();
        var model = scheme.Apply(@from with { Held = others }, others);
        return Math.Pow(10, -(tail?.SignalToNoiseOf(model, first) ?? samples.SignalToNoiseOf(model, scheme.Name)) / 10);
    }

    private readonly record struct Noise(string Output, double Power);
}
