using System.Text.Json;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Tests.Tasks;

public sealed class TaskDefinitionTests
{
    public static TheoryData<ModelTask> Tasks => [.. Enum.GetValues<ModelTask>()];

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Every_task_has_a_definition_whose_metrics_are_of_the_protocol(ModelTask task)
    {
        var definition = TaskDefinition.Of(task);
        Assert.Equal(task, definition.Task);
        Assert.Equal(JsonNamingPolicy.CamelCase.ConvertName($"{task}"), definition.Title);
        Assert.All(definition.LabelMetrics.Concat(definition.ReferenceMetrics), metric => Assert.Same(metric, Metric.All[metric.Name]));
        Assert.NotEmpty(definition.ReferenceMetrics);
        Assert.True(definition.Labels.Count > 0 == definition.LabelMetrics.Count > 0,
            "what has labels has something to measure against them");
        Assert.All(definition.Labels, label => Assert.Equal("samples", label.Axes[0]));
    }

    [Theory]
    [InlineData(ModelTask.Classification, true, "accuracy")]
    [InlineData(ModelTask.Classification, false, "agreement")]
    [InlineData(ModelTask.Regression, true, "rmse")]
    [InlineData(ModelTask.Detection, true, "map50To95")]
    [InlineData(ModelTask.Detection, false, "boxAgreement")]
    [InlineData(ModelTask.Embedding, false, "recallAt10")]
    [InlineData(ModelTask.Embedding, true, "recallAt10")]
    [InlineData(ModelTask.Outputs, false, "cosine")]
    public void Metric_that_gates_is_the_first_against_labels_or_else_against_the_float_model(ModelTask task, bool labelled, string metric)
        => Assert.Equal(metric, TaskDefinition.Of(task).GateMetric(labelled).Name);

    [Fact]
    public void Metric_names_are_camel_case_and_units_short()
        => Assert.All(Metric.All.Values, metric =>
        {
            Assert.Matches("^[a-z][A-Za-z0-9]{0,63}$", metric.Name);
            Assert.True(metric.Unit.Length <= Units.Length, metric.Unit);
        });

    [Theory]
    [InlineData(0.931, "ratio", "0.931")]
    [InlineData(12.5, "ms", "12.5 ms")]
    [InlineData(83_886_080, "bytes", "83.886 MB")]
    [InlineData(0.0125, "J", "12.5 mJ")]
    [InlineData(2, "J", "2 J")]
    [InlineData(31.25, "dB", "31.25 dB")]
    [InlineData(14.2, "cycles", "14.2 cycles")]
    [InlineData(14.2, "", "14.2")]
    public void Figure_reads_with_its_unit(double value, string unit, string text) => Assert.Equal(text, Units.Text(value, unit));
}
