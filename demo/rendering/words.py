"""The chat's own words, in English and Chinese. What the agent itself says of a run stays in its language."""

from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `words["key"]` is a text; its places are filled in with `%`."""

    language: Language

    def __getitem__(self, key: str) -> str:
        english, chinese = TEXTS[key]
        return chinese if self.language == "zh" else english

    def get(self, kind: str, key: str) -> str:
        """The word for one of the agent's own terms, the term itself where there is none."""
        name = f"{kind}.{key}"
        return self[name] if name in TEXTS else key.replace("_", " ")


def language_of(accepted: str) -> Language:
    """The language for an `Accept-Language` header: of English and Chinese the one that it prefers, else English."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag.lower()))
        except ValueError:
            continue
    for weight, _, tag in sorted(weighed):
        if weight < 0 and tag.split("-")[0] in ("en", "zh"):
            return "zh" if tag.startswith("zh") else "en"
    return "en"


TEXTS: Final[dict[str, tuple[str, str]]] = {
    "greeting": ("What should the picture show?", "您想要什么样的图片?"),
    "about": (
        "Say what you want. The agent draws it, looks at every requirement, and repairs the picture until all hold.",
        "说出您的要求。智能体会绘制图片,逐条检查要求,并不断修正,直到全部满足。",
    ),
    "draws": ("This model draws %s.", "此模型可以绘制:%s。"),
    "up_to": (
        'Add up to %s pictures and call them "image 1", "image 2", …',
        "最多可添加 %s 张图片,并称之为“图1”“图2”……",
    ),
    "examples": ("Examples", "示例"),
    "task": ("Your message", "您的消息"),
    "placeholder": ("What should the picture show?", "图片应该展示什么?"),
    "next": ("What should change?", "要修改什么?"),
    "sending": ("Sending…", "正在发送…"),
    "busy": ("At work. Esc stops with the best picture so far.", "正在处理。按 Esc 停止并保留目前最好的图片。"),
    "history": ("History", "历史"),
    "new": ("New thread", "新对话"),
    "none_yet": ("Nothing yet.", "暂无记录。"),
    "delete": ("Remove from the history", "从历史中移除"),
    "delete_sure": (
        "Remove this thread from the history? Its runs stay on the server's disk.",
        "从历史中移除此对话?其运行记录仍保留在服务器上。",
    ),
    "settings": ("Settings", "设置"),
    "seed": ("Seed", "随机种子"),
    "seed_info": ("The same seed gives the same picture", "相同的种子生成相同的图片"),
    "random": ("A new seed each time", "每次使用新的种子"),
    "size": ("Size", "尺寸"),
    "size_info": ("Width x height in pixels; automatic suits the model", "宽 x 高(像素);自动则由模型决定"),
    "automatic": ("automatic", "自动"),
    "rounds": ("Rounds at most", "最多轮数"),
    "rounds_info": ("Draw, look, repair: 1 to 100", "绘制、检查、修正:1 到 100"),
    "images": ("Pictures at most", "最多图片数"),
    "images_info": ("Drawn in all: 1 to 1000", "总共绘制:1 到 1000"),
    "candidates": ("Pictures a round", "每轮图片数"),
    "candidates_info": ("Drawn together after the first round: 1 to 16", "首轮之后同时绘制:1 到 16"),
    "seconds": ("Seconds at most", "最长秒数"),
    "seconds_info": ("Then the best picture so far is returned", "到时返回目前最好的图片"),
    "language": ("Language", "语言"),
    "model": ("Model", "模型"),
    "critic": ("Critic", "评审"),
    "preset": ("Speed", "速度"),
    "preset.quality": ("quality (exact)", "质量(精确)"),
    "preset.balanced": ("balanced", "均衡"),
    "preset.fast": ("fast (a little less accurate)", "快速(略欠精确)"),
    "preset.edit": ("fast edits, exact from words", "编辑加速(文生图仍精确)"),
    "critic.local": ("the model's own", "模型自带"),
    "started_with": ("Chosen when the server was started.", "在服务器启动时选定。"),
    "thread": ("Conversation", "对话"),
    "gallery": ("Gallery", "图库"),
    "close": ("Close", "关闭"),
    "compare": ("Compare", "对比"),
    "compare_second": ("Now choose the second picture to compare", "请选择第二张要对比的图片"),
    "compare_slider": ("Share of the left picture, in percent", "左侧图片所占百分比"),
    "you": ("You", "您"),
    "edit": ("Edit", "编辑"),
    "edit_long": ("Edit this message and send it again", "编辑此消息并重新发送"),
    "editing": (
        "Editing an earlier message; sending goes on in a new thread",
        "正在编辑之前的消息;发送后在新对话中继续",
    ),
    "afresh": (
        "Drawn anew, since the words do not speak of the last picture.",
        "因文字未提及上一张图片,故重新绘制。",
    ),
    "use_last": ("Change the last picture instead", "改为修改上一张图片"),
    "reading": ("Reading the task", "正在理解任务"),
    "loading": (
        "Loading the models, once for all. You can go on as soon as they are there.",
        "正在加载模型,仅需一次,请稍候。",
    ),
    "waiting": ("Waiting: %s ahead of yours", "排队中:前面还有 %s 个任务"),
    "plan": ("Plan", "计划"),
    "steps": ("In steps", "分步进行"),
    "checklist": ("Checklist", "检查清单"),
    "assumed": ("Assumed", "假设"),
    "not_checked": ("Not checked", "未检查"),
    "sees": ("image %s shows", "图%s 显示"),
    "note": ("Note", "提示"),
    "fault": ("failed", "失败"),
    "question": ("The agent asks", "智能体提问"),
    "answer": ("Answer", "回答"),
    "answer_send": ("Send the answer", "发送回答"),
    "answered": ("you answered", "您的回答"),
    "under_way": ("Being drawn", "正在绘制"),
    "preview": ("rough preview after step %s of %s", "第 %s/%s 步后的粗略预览"),
    "round": ("Round %s", "第 %s 轮"),
    "before": ("Given", "原图"),
    "image": ("image %s", "图%s"),
    "attempt": ("picture %s", "图片 %s"),
    "picture_of": ("picture %s, message %s", "图片 %s(消息 %s)"),
    "given_of": ("given picture, message %s", "原图(消息 %s)"),
    "restored": ("restored", "已还原"),
    "restored_long": ("what was not to change is as it was before", "未要求改变的部分恢复为编辑前的样子"),
    "best": ("best", "最佳"),
    "best_so_far": ("best so far", "目前最佳"),
    "rolled_back": ("rolled back", "已回退"),
    "hold": ("%s of %s hold", "%s/%s 满足"),
    "not_looked": ("not looked at yet", "尚未检查"),
    "use": ("Go on from here", "从这里继续"),
    "use_long": ("The next message changes this picture", "下一条消息将修改此图片"),
    "fork": ("Fork", "分支"),
    "fork_long": ("Go on from this picture in a new thread", "在新对话中从此图片继续"),
    "boxes": ("Show what was located", "显示定位框"),
    "changes": ("Show what changed", "显示变化区域"),
    "one_picture": ("1 picture", "1 张图片"),
    "pictures": ("%s pictures", "%s 张图片"),
    "tokens_n": ("tokens", "词元"),
    "download": ("Download", "下载"),
    "report": ("Report", "报告"),
    "retry": ("Another seed", "换个种子"),
    "retry_long": ("Draw this message again with another seed", "用另一个种子重新绘制此消息"),
    "go_on": ("Go on with this run", "继续此次运行"),
    "point": ("Point at what is wrong", "指出问题所在"),
    "point_long": (
        "Drag a box or paint over the fault: your next message changes nothing else",
        "拖出方框或涂抹问题所在:下一条消息只修改该处",
    ),
    "point_ways": ("Mark by", "标记方式"),
    "box": ("Box", "方框"),
    "brush": ("Brush", "画笔"),
    "kept_outside": ("only this part changes", "只修改此处"),
    "next_image": ("Next message changes", "下一条消息将修改"),
    "if_spoken_of": ("if its words speak of it", "如果文字提及它"),
    "remove": ("Remove", "移除"),
    "marked": ("marked", "标记"),
    "stopped": ("stopped", "已停止"),
    "interrupted": (
        "The server was stopped before this run had ended; what it had done is kept.",
        "服务器在此次运行结束前停止;已完成的部分已保留。",
    ),
    "gone": ("This run's files are gone from the server.", "此次运行的文件已从服务器移除。"),
    "picture_gone": ("file missing", "文件缺失"),
    "error": ("error", "错误"),
    "still_at_work": (
        "A run of this thread is still at work: wait for it or press Esc. Your words are kept.",
        "此对话仍有任务在运行:请等待或按 Esc。您的文字已保留。",
    ),
    "say_something": ("Say what the picture should show.", "请说明图片应该展示什么。"),
    "no_cookies": (
        "This browser keeps no cookies, so that pictures and history cannot be shown. Allow cookies for this page.",
        "此浏览器未启用 Cookie,无法显示图片和历史。请为此页面启用 Cookie。",
    ),
    "seed_n": ("seed", "种子"),
    "doing.plan": ("Reading the task", "正在理解任务"),
    "doing.generate": ("Drawing", "正在绘制"),
    "doing.edit": ("Editing", "正在编辑"),
    "doing.compose": ("Composing", "正在合成"),
    "doing.critique": ("Looking at the picture", "正在检查图片"),
    "doing.mend": ("Repairing a part", "正在局部修正"),
    "doing.restore": ("Restoring what was not to change", "正在还原未要求改变的部分"),
    "doing.rank": ("Scoring the edits", "正在给编辑打分"),
    "doing.refine": ("Writing a new instruction", "正在改写指令"),
    "doing.reread": ("Reading the task again", "正在重新理解任务"),
    "doing.prefer": ("Comparing two pictures", "正在比较两张图片"),
    "doing.suggest": ("Writing a repair", "正在编写修正"),
    "doing.answer": ("Answering", "正在回答"),
    "step": ("step %s of %s", "第 %s/%s 步"),
    "status.accepted": ("accepted", "已通过"),
    "status.unchecked": ("not all was checked", "未全部检查"),
    "status.answered": ("answered", "已回答"),
    "status.best_effort": ("best effort", "尽力而为"),
    "status.refused": ("refused", "已拒绝"),
    "status.cancelled": ("cancelled", "已取消"),
    "status.failed": ("failed", "失败"),
    "action.accept": ("accept", "接受"),
    "action.edit": ("repair", "修正"),
    "action.refine": ("draw again with new words", "用新指令重绘"),
    "action.advance": ("next step", "下一步"),
    "action.regenerate": ("draw again", "重新绘制"),
    "action.roll_back": ("roll back", "回退"),
    "action.ask": ("ask", "提问"),
    "action.stop": ("stop", "停止"),
    "mode.generate": ("draw", "绘制"),
    "mode.edit": ("edit", "编辑"),
    "mode.compose": ("compose", "合成"),
    "mode.answer": ("answer", "回答"),
    "mode.refuse": ("refuse", "拒绝"),
    "yes": ("holds", "满足"),
    "no": ("does not hold", "不满足"),
    "unsure": ("unsure", "不确定"),
    "place.0": ("at the top left", "左上角"),
    "place.1": ("at the top", "上方"),
    "place.2": ("at the top right", "右上角"),
    "place.3": ("on the left", "左边"),
    "place.4": ("in the middle", "中间"),
    "place.5": ("on the right", "右边"),
    "place.6": ("at the bottom left", "左下角"),
    "place.7": ("at the bottom", "下方"),
    "place.8": ("at the bottom right", "右下角"),
}
