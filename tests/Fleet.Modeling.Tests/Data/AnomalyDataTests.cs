using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Anomalies judge and are never learned from, whatever the cut.</summary>
public sealed class AnomalyDataTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Of ten rows seven are ok, two hot and one is cold.
    private static string State(int row) => (row % 10) switch { 3 or 6 => "hot", 9 => "cold", _ => "ok" };

    private DataSpec Csv(string name = "a.csv", Func<int, string>? label = null, int rows = 200, params string[] normal)
    {
        File.WriteAllText(_folder[name],
            $"x,state\n{string.Concat(Enumerable.Range(0, rows).Select(i => $"{i},{(label ?? State)(i)}\n"))}");
        return new DataSpec
        {
            Kind = "csv",
            Train = _folder[name],
            LabelColumn = "state",
            Task = ModelTask.Anomaly,
            Anomaly = normal.Length > 0 ? new AnomalySpec { Normal = normal } : null,
        };
    }

    private static DataSet Load(DataSpec spec) => DataSets.Load(spec, null, 1);

    private static (int Normal, int Anomalies) Counts(SampleSet part)
        => (part.Count - ((AnomalyLabels)part.Labels).Anomalies, ((AnomalyLabels)part.Labels).Anomalies);

    [Fact]
    public void Few_samples_that_travel_hold_an_anomaly_where_there_are_any()
    {
        var data = Load(Csv(label: row => row % 200 == 9 ? "hot" : "ok", rows: 2_000, normal: "ok"));
        Assert.InRange(Counts(data.Test).Anomalies, 1, 10);
        Assert.All(Enumerable.Range(1, 5), seed
            => Assert.InRange(Counts(Splits.Subset(data.Test, 20, new Random(seed))).Anomalies, 1, 3));
    }

    [Fact]
    public void Normal_samples_are_learned_from_and_as_many_anomalies_as_normal_ones_judge()
    {
        var data = Load(Csv(normal: "ok"));
        // Of 140 normal rows 28 test, and 11 of the others find the threshold.
        Assert.Equal(((101, 0), (11, 0), (28, 28)), (Counts(data.Training), Counts(data.Validation), Counts(data.Test)));
        Assert.Equal(["cold", "hot", "ok"], data.Kinds);
        Assert.Equal(["normal", "anomaly"], data.Classes);
        Assert.Equal(1, data.Columns);
        Assert.Equal("labels: 101 normal samples to learn from, 28 anomalies among 56 test samples", LabelSummary.Of(data));
        Assert.Contains(data.Notes, note => note.StartsWith("32 of 60 anomalies in", StringComparison.Ordinal));
        Assert.Equal(new ClassCount("anomaly", 0, 0, 28), DataSummary.Classes(data)[1]);
        // Two of three anomalies are hot, as in the file.
        var kinds = ((AnomalyLabels)data.Test.Labels).Kinds.CountBy(kind => kind).ToDictionary();
        Assert.Equal((9, 19, 28), (kinds[0], kinds[1], kinds[2]));
    }

    [Fact]
    public void Test_file_may_hold_anomalies_of_kinds_that_nobody_saw_before()
    {
        var train = Csv("train.csv", _ => "ok", normal: "ok");
        var test = Csv("test.csv", row => row % 2 == 0 ? "ok" : "loud", rows: 40);
        var data = Load(train with { Test = test.Train });
        Assert.Equal(((180, 0), (20, 0), (20, 20)), (Counts(data.Training), Counts(data.Validation), Counts(data.Test)));
        Assert.Equal(["loud", "ok"], data.Kinds);
    }

    [Theory]
    [InlineData("0", "leak")]
    [InlineData("0", "-1")]
    [InlineData("1", "-1")]
    [InlineData("ok", "7")]
    public void Numbers_in_one_file_and_words_in_another_are_the_same_labels(string normal, string anomaly)
    {
        var train = Csv("train.csv", _ => normal, rows: 40, normal: normal);
        var test = Csv("test.csv", row => row % 80 < 70 ? normal : anomaly, rows: 80);
        var data = Load(train with { Test = test.Train });
        Assert.Equal((70, 10), Counts(data.Test));
        Assert.Equal((string[])[.. new[] { normal, anomaly }.Order(StringComparer.Ordinal)],
            data.Kinds.Order(StringComparer.Ordinal));
        // Files that are put together before anything is read of their labels.
        Assert.Equal(0, Counts(data.Training).Anomalies);
    }

    [Fact]
    public void Numbers_count_through_the_names_that_a_spec_gives_them()
    {
        var data = Load(Csv(label: row => State(row) == "ok" ? "0" : "1", normal: "fine") with { Classes = ["fine", "leak"] });
        Assert.Equal((28, "fine leak"), (Counts(data.Test).Anomalies, string.Join(' ', data.Kinds)));
    }

    [Fact]
    public void Label_that_is_no_kind_of_sample_is_refused_where_its_file_has_it()
    {
        var train = Csv("train.csv", _ => "0", rows: 20);
        var test = Csv("test.csv", row => row == 70 ? "0.5" : "0", rows: 80);
        Assert.Contains("test.csv has the label 0.5 at line 72, which names no kind of sample",
            Assert.Throws<BuildException>(() => Load(train with { Test = test.Train })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_that_nobody_labelled_are_normal()
    {
        var spec = Csv(normal: "ok");
        var alone = Load(spec with { Train = null, Unlabelled = spec.Train, LabelColumn = null, Anomaly = null, Table = null });
        Assert.Equal((0, 0), (Counts(alone.Training).Anomalies, Counts(alone.Test).Anomalies));
        Assert.Empty(alone.Test.Labels.ToArrays());
        Assert.Contains(alone.Notes, note => note.StartsWith("All 200 samples of", StringComparison.Ordinal)
            && note.Contains("are taken as normal, whatever labels they have", StringComparison.Ordinal));
        Assert.Equal(Metric.MeanScore.Name, alone.Validation.Labels.Score(new float[alone.Validation.Count])[0].Name);
    }

    [Fact]
    public void Threshold_and_figures_need_normal_samples()
    {
        Assert.Contains("leaves no normal samples to find the threshold on; give more, or a larger data.validationShare than 0.01.",
            Assert.Throws<BuildException>(() => Load(Csv(rows: 30, normal: "ok") with { ValidationShare = 0.01 })).Message,
            StringComparison.Ordinal);
        var test = Csv("test.csv", _ => "loud", rows: 40);
        Assert.Contains("test.csv has no normal test samples",
            Assert.Throws<BuildException>(() => Load(Csv(normal: "ok") with { Test = test.Train })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_0_and_1_say_it_themselves_and_others_are_asked_about()
    {
        var data = Load(Csv(label: row => State(row) == "ok" ? "0" : "1"));
        Assert.Equal(28, Counts(data.Test).Anomalies);
        Assert.Contains("Label 0 is taken as normal, 1 as an anomaly; data.anomaly.normal says otherwise.", data.Notes);
        Assert.Contains("has the labels cold, hot, ok, and data.task 'anomaly' learns from normal samples: name their labels in "
            + "data.anomaly.normal", Assert.Throws<BuildException>(() => Load(Csv())).Message, StringComparison.Ordinal);
        Assert.Contains("data.anomaly.normal names 'fine', which no sample has; the labels are cold, hot, ok.",
            Assert.Throws<BuildException>(() => Load(Csv(normal: "fine"))).Message, StringComparison.Ordinal);
    }
}
