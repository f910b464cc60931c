using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

/// <summary>A table names its figure once where all rows have the same, and in each cell where they differ.</summary>
public sealed class ScoreColumnTests
{
    private static readonly Scores Classifier = new() { Accuracy = 0.975 };

    private static readonly Scores Forecast = new Scores().With(Metric.RootMeanSquareError, 12.5, "cycles");

    [Fact]
    public void Same_figure_in_every_row_is_the_title_of_the_column()
    {
        var column = new ScoreColumn([Classifier, null, Classifier with { Accuracy = 0.5 }]);
        Assert.Equal("accuracy", column.Title);
        Assert.Equal("97.5 %", column.Of(Classifier));
    }

    [Fact]
    public void Abbreviation_keeps_its_capitals()
    {
        var column = new ScoreColumn([Forecast]);
        Assert.Equal(("RMSE", "12.5 cycles"), (column.Title, column.Of(Forecast)));
    }

    [Fact]
    public void Rows_of_different_tasks_each_name_their_own()
    {
        var column = new ScoreColumn([Classifier, Forecast]);
        Assert.Equal("score", column.Title);
        Assert.Equal(("accuracy 97.5 %", "RMSE 12.5 cycles"), (column.Of(Classifier), column.Of(Forecast)));
    }

    [Fact]
    public void What_was_not_measured_has_no_cell_and_a_table_of_nothing_a_title_all_the_same()
    {
        var column = new ScoreColumn([null, new Scores()]);
        Assert.Equal("score", column.Title);
        Assert.Null(column.Of(null));
        Assert.Null(column.Of(new Scores()));
    }
}
