using System.Globalization;
using System.Text;
using Fleet.Quantization;

namespace Fleet.Benchmarks.Quantization;

/// <summary>A form of a model, and how fast it is times fp32.</summary>
/// <param name="Scheme">Its scheme.</param>
/// <param name="Measured">As measured.</param>
/// <param name="Estimated">As estimated.</param>
internal sealed record OrderedForm(string Scheme, RelativeSpeed Measured, double Estimated);

/// <summary>How well estimates order the forms of models, by processor.</summary>
internal sealed class OrderTable
{
    private readonly List<(string Processor, string Model, IReadOnlyList<OrderedForm> Forms)> _models = [];

    /// <summary>Adds the forms of a model on a processor, the float one first.</summary>
    public void Add(string processor, string model, IReadOnlyList<OrderedForm> forms) => _models.Add((processor, model, forms));

    /// <summary>A row for each model and one for each processor.</summary>
    public string Summary()
    {
        var text = new StringBuilder(
            "| processor | model | forms | pairs told apart | ordered alike | Kendall's tau | error of the estimate, median |\n"
                + "|---|---|--:|--:|--:|--:|--:|\n");
        foreach (var alike in _models.GroupBy(one => one.Processor))
        {
            foreach (var (_, model, forms) in alike) Row(text, alike.Key, model, [forms]);
            Row(text, alike.Key, "**all**", [.. alike.Select(one => one.Forms)]);
        }
        return text.ToString();
    }

    /// <summary>A row for each form.</summary>
    public string Forms()
    {
        var text = new StringBuilder("| processor | model | form | measured | 95 % | estimated |\n|---|---|---|--:|--:|--:|\n");
        foreach (var (processor, model, forms) in _models)
        {
            foreach (var form in forms.Skip(1))
            {
                var interval = processor == "this one"
                    ? string.Create(CultureInfo.InvariantCulture, $"{form.Measured.Low:0.00} to {form.Measured.High:0.00}") : "";
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {processor} | {model} | {form.Scheme} | {form.Measured.Value:0.00}x | {interval} | {form.Estimated:0.00}x |");
            }
        }
        return text.ToString();
    }

    private static void Row(StringBuilder text, string processor, string model, IReadOnlyList<IReadOnlyList<OrderedForm>> models)
    {
        var pairs = models.SelectMany(forms => forms.SelectMany((one, i) => forms.Skip(i + 1).Select(other => (One: one, Other: other))))
            .Where(pair => AreTold(pair.One.Measured, pair.Other.Measured)).ToArray();
        var (same, other) = (pairs.Count(pair => Order(pair.One, pair.Other) > 0), pairs.Count(pair => Order(pair.One, pair.Other) < 0));
        double[] errors = [
            .. models.SelectMany(forms => forms.Skip(1)).Select(form => Math.Exp(Math.Abs(Math.Log(form.Estimated / form.Measured.Value))))
                .Order(),
        ];
        var tau = pairs.Length == 0 ? "–" : ((double)(same - other) / pairs.Length).ToString("0.00", CultureInfo.InvariantCulture);
        var error = errors.Length == 0 ? "–" : errors[errors.Length / 2].ToString("0.00", CultureInfo.InvariantCulture) + "x";
        text.AppendLine(CultureInfo.InvariantCulture,
            $"| {processor} | {model} | {models.Sum(forms => forms.Count)} | {pairs.Length} | {same} | {tau} | {error} |");
    }

    private static bool AreTold(RelativeSpeed one, RelativeSpeed other) => one.IsFasterThan(other) || other.IsFasterThan(one);

    private static int Order(OrderedForm one, OrderedForm other)
        => Math.Sign(one.Measured.Value - other.Measured.Value) * Math.Sign(one.Estimated - other.Estimated);
}
